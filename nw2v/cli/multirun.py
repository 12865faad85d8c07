"""A sweep from its plan to its table: checked before it begins, and resumed where it was killed."""

from __future__ import annotations

import json
import logging
import math
import shlex
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from omegaconf import OmegaConf

from nw2v.cli.application import launch
from nw2v.cli.command_text import command_text
from nw2v.cli.configuration import CommandLine, check_output_folder, parse_command_line
from nw2v.cli.grid import planned
from nw2v.cli.planning import OPTUNA_SWEEPER, Plan, PlannedJob, plan_jobs
from nw2v.cli.settings import listed
from nw2v.cli.summary import short_path
from nw2v.errors import FailedJobsError, InputError
from nw2v.sweeps.files import (
    FAILED,
    FINISHED,
    KILLED,
    RUNNING,
    JobRecord,
    SweepRecord,
    job_folders,
    read_metrics,
    swept_keys,
)
from nw2v.sweeps.objectives import usual_direction
from nw2v.tracking.processes import HOST_TAG, PROCESS_TAG, has_vanished, host
from nw2v.tracking.run_values import (
    BEST_RUN_TAG,
    COMMAND_TAG,
    IDENTITY_TAG,
    JOB_FILE,
    KIND_TAG,
    SWEEP_FILE,
    SWEPT_TAG,
)

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from nw2v.corpus import Corpus
    from nw2v.tracking.parent_run import ParentRun

_log = logging.getLogger(__name__)

_OWN_NUMBERS = "${hydra.job.num}"  # conf/train.yaml's hydra.sweep.subdir
_RESUME = "sweep.resume"
SECONDS_BETWEEN_LOOKS = 1.0


def run_multirun(
    line: CommandLine,
    job: Callable[[DictConfig], Any],
    check: Callable[[Mapping[str, Any]], None],
    open_corpus: Callable[[Mapping[str, Any]], Corpus],
) -> None:
    """Run a sweep.

    Parameters
    ----------
    line : CommandLine
    job : callable
        Does one job, given its configuration by Hydra.
    check : callable
        Raises an InputError for settings that no job could take.
    open_corpus : callable
        Reads the text that settings name.

    Raises
    ------
    InputError
        Something is wrong with the configuration of any job: nothing has been run.
    FailedJobsError
        Some jobs failed; the others are done.
    """
    earlier = _Earlier.find(line)
    if earlier is not None:
        line = earlier.completed(line)
    plan = plan_jobs(line)
    for settings in plan.settings:
        check(settings)
    if earlier is None:
        check_output_folder(line, plan.config)
        folder = Path(str(plan.config.hydra.sweep.dir)).absolute()
    else:
        folder = earlier.folder
    _Multirun(line, plan, folder, earlier).run(job, open_corpus)


def resumes(line: CommandLine) -> bool:
    """Whether a command line goes on with an earlier sweep."""
    return _resumed(line) is not None


def _resumed(line: CommandLine) -> str | None:
    named = [text.partition("=")[2] for text in line.overrides if _key(text) == _RESUME]
    return None if not named or named[-1] in ("", "null") else named[-1].strip("'\"")


@dataclass(frozen=True)
class _Earlier:
    """A start of the same sweep that did not come to its end, or to which jobs are added."""

    folder: Path
    record: SweepRecord

    @classmethod
    def find(cls, line: CommandLine) -> _Earlier | None:
        """Return the sweep that `sweep.resume` names."""
        value = _resumed(line)
        if value is None:
            return None
        folder = Path(value).expanduser().absolute()
        if not folder.is_dir():
            from nw2v.tracking.runs import find_output_folder, is_run_id

            if not is_run_id(value):
                raise InputError(f"{_RESUME}={value}: neither a folder nor an MLflow run id")
            folder = find_output_folder(value, _given_uri(line))
        if not (folder / SWEEP_FILE).is_file():
            raise InputError(
                f"{_RESUME}={value}: {folder} is not the folder of a sweep (it has no {SWEEP_FILE})"
            )
        return cls(folder, SweepRecord.read(folder))

    def completed(self, line: CommandLine) -> CommandLine:
        """Return the command line with what was typed at the first start and not again."""
        keys = {_key(text) for text in line.overrides}
        kept = [text for text in self.record.overrides if _key(text) not in keys]
        again = [flag for flag in self.record.flags if flag not in line.flags]
        return parse_command_line([*again, *line.flags, *kept, *line.overrides])


def _key(override: str) -> str:
    return override.lstrip("+~").partition("=")[0]


def _given_uri(line: CommandLine) -> str | None:
    for text in line.overrides:
        if _key(text) == "tracking.uri":
            return text.partition("=")[2]
    return None


class _Multirun:
    """One start of a sweep."""

    def __init__(
        self, line: CommandLine, plan: Plan, folder: Path, earlier: _Earlier | None
    ) -> None:
        self.line, self.plan, self.folder, self.earlier = line, plan, folder, earlier
        self.settings = plan.settings[0]
        if earlier is not None and plan.jobs is None and not _can_resume(plan.config):
            raise InputError(
                f"{_RESUME}: only hydra/sweeper=grid and optuna know which jobs are done"
            )

    def run(
        self,
        job: Callable[[DictConfig], Any],
        open_corpus: Callable[[Mapping[str, Any]], Corpus],
    ) -> None:
        """Do what is left to do."""
        self._wait_for_orphans()
        parent_run = self._parent()
        if parent_run is not None:
            parent_run.start_opening()
        fingerprints = self._read_texts(open_corpus)
        with parent_run or nullcontext() as parent:
            left = self._left(fingerprints, parent)
            record = self._record(parent)
            self.folder.mkdir(parents=True, exist_ok=True)
            record.write(self.folder)
            self._tell_plan(left)
            try:
                if left is None or left:
                    self._launch(left, job)
            except KeyboardInterrupt:
                _say(f"interrupted; to go on: {self._resume_command()}")
                raise
            finally:
                self._end(record, parent)
            self._raise_failures(left)

    def _records(self) -> dict[Path, JobRecord]:
        """Return the records of the jobs so far; a damaged one counts as none."""
        records = {}
        for folder in job_folders(self.folder):
            with suppress(InputError):
                records[folder] = JobRecord.read(folder)
        return records

    def _wait_for_orphans(self) -> None:
        """Wait for processes of an earlier start that are still at work on a job."""
        told = False
        while at_work := [
            record
            for record in self._records().values()
            if record.status == RUNNING and _is_running(record)
        ]:
            if not told:
                numbers = ", ".join(str(record.job) for record in at_work)
                process = at_work[0].process
                where = f"process {process.get(PROCESS_TAG)} on {process.get(HOST_TAG)}"
                text = f"job {numbers} of the earlier start is still running ({where}): waiting"
                if process.get(HOST_TAG) != host():
                    text += (
                        ". Another machine cannot be seen from here: if the job is gone, remove "
                        f"its {JOB_FILE} from {self.folder}"
                    )
                _say(text)
                told = True
            time.sleep(SECONDS_BETWEEN_LOOKS)

    def _read_texts(self, open_corpus: Callable[[Mapping[str, Any]], Corpus]) -> dict[str, str]:
        """Read each text once, so that the jobs find it encoded; return the fingerprints."""
        found: dict[str, str] = {}
        hints: dict[str, None] = {}
        for settings in self.plan.settings:
            text = _text_of(settings)
            if text not in found:
                corpus = open_corpus(settings)
                found[text] = corpus.fingerprint
                hints |= dict.fromkeys(corpus.hints)
        for hint in [*self._doubts(), *hints]:
            _say(f"note: {hint}")
        return found

    def _doubts(self) -> Iterator[str]:
        """Say where jobs are ranked against what their metric is."""
        metrics, ways = (listed(self.settings[f"sweep.{key}"]) for key in ("metric", "direction"))
        for metric, way in zip(metrics, ways, strict=True):
            usual = usual_direction(metric)
            if way != usual:
                better = "less" if usual == "minimize" else "more"
                yield (
                    f"{better} of {metric} is better, and sweep.direction={way} ranks the other "
                    f"way round: give sweep.direction={usual}"
                )

    def _parent(self) -> ParentRun | None:
        """Return the run of the sweep itself, not yet begun; None without tracking."""
        settings = self.settings
        if settings["tracking.name"] == "none":
            return None
        from nw2v.tracking.parent_run import ParentRun

        path, name = settings["corpus.path"], settings["corpus.name"]
        corpus = Path(path).name.partition(".")[0] if path and name == "file" else name
        earlier = None if self.earlier is None else self.earlier.record.parent_run
        return ParentRun(
            uri=settings["tracking.uri"],
            experiment=settings["tracking.experiment"],
            run_name=settings["tracking.run_name"] or f"sweep-{corpus}",
            configuration=self._configuration(),
            tags={
                KIND_TAG: "sweep",
                "corpus": corpus,
                SWEPT_TAG: json.dumps(swept_keys(self.plan.settings)),
                COMMAND_TAG: command_text("train", ["-m", *self._words()]),
            },
            output_folder=self.folder,
            run_id=earlier,
        )

    def _configuration(self) -> dict[str, Any]:
        """Return the parent's parameters: of a swept key, all its values."""
        found = dict(self.settings)
        for key in swept_keys(self.plan.settings):
            values = dict.fromkeys(str(settings.get(key)) for settings in self.plan.settings)
            found[key] = ",".join(values)
        return found

    def _overrides(self) -> list[str]:
        return [text for text in self.line.overrides if _key(text) != _RESUME]

    def _flags(self) -> list[str]:
        return [flag for flag in self.line.flags if flag not in ("-m", "--multirun")]

    def _words(self) -> list[str]:
        return [*self._flags(), *self._overrides()]

    def _record(self, parent: ParentRun | None) -> SweepRecord:
        before = None if self.earlier is None else self.earlier.record
        return SweepRecord(
            command=shlex.join(["nw2v", "train", "-m", *self._words()]),
            overrides=self._overrides(),
            flags=self._flags(),
            metric=listed(self.settings["sweep.metric"]),
            direction=listed(self.settings["sweep.direction"]),
            swept=swept_keys(self.plan.settings),
            parent_run=None if parent is None else parent.run_id,
            uri=None if parent is None else parent.uri,
            experiment_id=None if parent is None else parent.store.experiment_id,
            started=time.time() if before is None else before.started,
        )

    def _left(
        self, fingerprints: Mapping[str, str], parent: ParentRun | None
    ) -> list[tuple[PlannedJob, int, list[str]]] | None:
        """Return the jobs to launch with their numbers and overrides; None: the sweeper knows."""
        records = {record.identity: record for record in self._records().values()}
        tracked = {} if parent is None or self.earlier is None else parent.children(IDENTITY_TAG)
        if self.plan.jobs is None:
            cut_short = [
                mark for mark, record in records.items() if record.status in (RUNNING, KILLED)
            ]
            _remove(parent, tracked, cut_short)  # a search does them anew
            return None
        number = 1 + max((record.job for record in records.values()), default=-1)
        own_numbers = self._numbers_folders()
        left = []
        for job in self.plan.jobs:
            record = records.get(job.identity)
            fingerprint = fingerprints[_text_of(job.settings)]
            if record is not None and self._is_done(record, fingerprint, tracked):
                continue
            if record is None:
                chosen, number = number, number + 1
            else:
                chosen = record.job
            overrides = list(job.overrides)
            if own_numbers:
                overrides.append(f"hydra.sweep.subdir={chosen}")
            left.append((job, chosen, overrides))
        _remove(parent, tracked, [job.identity for job, *_ in left])
        return left

    def _is_done(
        self, record: JobRecord, fingerprint: str, tracked: Mapping[str, Sequence[Any]]
    ) -> bool:
        if record.corpus_fingerprint not in (None, fingerprint):
            return False
        if record.is_done:
            return True
        # Killed between the last word to MLflow and the last one to the folder.
        for run in tracked.get(record.identity, ()):
            text = run.data.tags.get("corpus_fingerprint")
            if (run.info.status, text, record.status) == (FINISHED, fingerprint, RUNNING):
                record.status, record.run_id = FINISHED, run.info.run_id
                record.corpus_fingerprint = fingerprint
                for folder, known in self._records().items():
                    if known.identity == record.identity:
                        record.write(folder)
                return True
        return False

    def _numbers_folders(self) -> bool:
        node = OmegaConf.to_container(self.plan.config.hydra.sweep, resolve=False)
        assert isinstance(node, dict)
        return node["subdir"] == _OWN_NUMBERS

    def _is_search(self) -> bool:
        target = OmegaConf.select(self.plan.config, "hydra.sweeper._target_")
        return bool(target == OPTUNA_SWEEPER)

    def _tell_plan(self, left: Sequence[Any] | None) -> None:
        if self.plan.jobs is None or left is None:
            return
        number = len(self.plan.jobs)
        text = f"sweep: {number} {'job' if number == 1 else 'jobs'}"
        if done := number - len(left):
            text += f", of which {done} {'is' if done == 1 else 'are'} done"
        if self.plan.repeated:
            text += (
                f" ({self.plan.repeated} more combinations differ only in what has no effect, "
                "such as loss.negatives under naive_softmax)"
            )
        _say(text)

    def _launch(
        self,
        left: list[tuple[PlannedJob, int, list[str]]] | None,
        job: Callable[[DictConfig], Any],
    ) -> None:
        line = self.line
        overrides = [text for text in line.overrides if _key(text) != "hydra.sweep.dir"]
        flags = line.flags if line.options.multirun else ["-m", *line.flags]
        whole = parse_command_line([*flags, *overrides, _quoted("hydra.sweep.dir", self.folder)])
        first = min((number for _, number, _ in left), default=0) if left else 0
        if left is not None and not self._numbers_folders():
            first = 1 + max((record.job for record in self._records().values()), default=-1)
        with planned([texts for _, _, texts in left or ()], first):
            launch(job, "train", whole, self.plan.config, sweep=True)

    def _end(self, record: SweepRecord, parent: ParentRun | None) -> None:
        """Print the table, write the report, and give both to the parent run.

        What goes wrong here must not hide how the jobs went, nor lose them: it is a warning.
        """
        try:
            self._report(record, parent)
        except Exception as error:
            _log.warning(
                "the sweep's report could not be made (%s: %s); make it with: nw2v sweep report %s",
                type(error).__name__,
                error,
                shlex.quote(str(self.folder)),
            )

    def _report(self, record: SweepRecord, parent: ParentRun | None) -> None:
        if not job_folders(self.folder):
            return
        from nw2v.sweeps import conclusions, load, ranked, write_report
        from nw2v.sweeps.terminal import table_text

        frame = load(self.folder)
        written = write_report(frame, self.folder)
        lines = ["", table_text(ranked(frame)), "", *conclusions(frame), ""]
        lines.append(f"report      {short_path(self.folder / 'report.html')}")
        if parent is not None:
            parent.log(written, self._give_best(record, parent))
            lines.append(f"MLflow      experiment {parent.experiment}, run {parent.run_name}")
        with suppress(OSError):  # All is written; what cannot be printed is told at the end.
            print("\n".join(lines), flush=True)

    def _give_best(self, record: SweepRecord, parent: ParentRun) -> dict[str, float]:
        """Tell the parent run which job is best; return that job's metric."""
        metric, direction = record.metric[0], record.direction[0]
        sign = 1.0 if direction == "minimize" else -1.0
        scores = {
            folder: score
            for folder, job in self._records().items()
            if job.status == FINISHED
            and job.run_id is not None
            and math.isfinite(score := read_metrics(folder).get(metric, math.nan))
        }
        if not scores:
            return {}
        best = min(scores, key=lambda folder: sign * scores[folder])
        run_id = self._records()[best].run_id
        assert run_id is not None
        parent.set_tags({BEST_RUN_TAG: run_id})
        if self.settings["tracking.vectors"] == "best":
            parent.log_vectors_of(run_id, best)
        return {metric: scores[best]}

    def _raise_failures(self, left: list[tuple[PlannedJob, int, list[str]]] | None) -> None:
        records = list(self._records().values())
        failed = sorted(record.job for record in records if record.status == FAILED)
        cut_short = (RUNNING, KILLED)
        if left is None:
            missing = sorted(record.job for record in records if record.status in cut_short)
        else:
            ended = {record.identity for record in records if record.status not in cut_short}
            missing = sorted(number for job, number, _ in left if job.identity not in ended)
        if not failed and not missing:
            return
        if self._is_search():  # a failure is a result too; it has said how many there were
            return
        parts = []
        if failed:
            reasons = {r.failure or "" for r in records if r.status == FAILED}
            parts.append(f"{_jobs(failed)} failed ({'; '.join(sorted(reasons)[:3])})")
        if missing:
            parts.append(f"{_jobs(missing)} did not come to an end")
        raise FailedJobsError(
            f"{', '.join(parts)}; each has its log in its folder in {self.folder}. To run just "
            f"{'that' if len(failed) + len(missing) == 1 else 'those'} again: "
            f"{self._resume_command()}"
        )

    def _resume_command(self) -> str:
        return f"nw2v train -m {_RESUME}={shlex.quote(str(short_path(self.folder)))}"


def _remove(
    parent: ParentRun | None, tracked: Mapping[str, Sequence[Any]], identities: Sequence[str]
) -> None:
    """Remove the runs of jobs that are done anew."""
    if parent is not None:
        parent.remove(run.info.run_id for mark in identities for run in tracked.get(mark, ()))


def _can_resume(config: DictConfig) -> bool:
    return str(OmegaConf.select(config, "hydra.sweeper._target_")).startswith("hydra_plugins.nw2v")


def _is_running(record: JobRecord) -> bool:
    return bool(record.process) and not has_vanished(record.process)


def _text_of(settings: Mapping[str, Any]) -> str:
    return str({key: value for key, value in settings.items() if key.startswith("corpus.")})


def _jobs(numbers: Sequence[int]) -> str:
    shown = ", ".join(map(str, numbers[:10])) + (", ..." if len(numbers) > 10 else "")
    return f"job {shown}" if len(numbers) == 1 else f"{len(numbers)} jobs ({shown})"


def _quoted(key: str, value: object) -> str:
    text = str(value).replace("\\", "\\\\").replace("'", "\\'")
    return f"{key}='{text}'"


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
