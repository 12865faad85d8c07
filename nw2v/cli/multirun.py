"""A sweep from its plan to its table: checked before it begins, and resumed where it was killed."""

from __future__ import annotations

import json
import logging
import shlex
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import chdir, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from omegaconf import OmegaConf

from nw2v.cli.application import launch
from nw2v.cli.command_text import command_text
from nw2v.cli.configuration import CommandLine, parse_command_line
from nw2v.cli.grid import planned
from nw2v.cli.joblib_launcher import dismiss_processes
from nw2v.cli.one_of_several import cores_of_job, in_other_processes
from nw2v.cli.output_folder import check_output_folder
from nw2v.cli.planning import OPTUNA_SWEEPER, Plan, plan_jobs
from nw2v.cli.resuming import RESUME, Earlier, key_of
from nw2v.cli.settings import listed
from nw2v.cli.summary import short_path
from nw2v.cli.sweep_end import end_sweep, prepare_end, raise_failures
from nw2v.errors import FailedJobsError, InputError
from nw2v.sweeps.files import (
    FINISHED,
    KILLED,
    RUNNING,
    JobRecord,
    SweepRecord,
    alone_in,
    job_folders,
    keys_that_differ,
    read_records,
    set_damaged_aside,
)
from nw2v.sweeps.objectives import usual_direction
from nw2v.tracking.processes import HOST_TAG, PROCESS_TAG, has_vanished, host
from nw2v.tracking.run_values import (
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
    earlier = Earlier.find(line)
    if earlier is None:
        _run_planned(line, None, job, check, open_corpus)
        return
    if earlier.directory != Path.cwd():
        _say(f"note: working in {earlier.directory}, where the sweep was begun")
    with chdir(earlier.directory):
        _run_planned(earlier.completed(line), earlier, job, check, open_corpus)


def _run_planned(
    line: CommandLine,
    earlier: Earlier | None,
    job: Callable[[DictConfig], Any],
    check: Callable[[Mapping[str, Any]], None],
    open_corpus: Callable[[Mapping[str, Any]], Corpus],
) -> None:
    plan = plan_jobs(line)
    for settings in plan.settings:
        check(settings)
    if earlier is None:
        check_output_folder(line, plan.config)
        folder = Path(str(plan.config.hydra.sweep.dir)).absolute()
    else:
        folder = earlier.folder
    cores_of_job(plan.config.hydra.launcher)  # refuses a wrong number of jobs at once
    multirun = _Multirun(line, plan, folder, earlier)
    with alone_in(folder):
        if earlier is None and (folder / SWEEP_FILE).exists():
            shown = short_path(folder)
            raise InputError(
                f"hydra.sweep.dir={shown} holds a sweep already: go on with it by "
                f"{RESUME}={shown}, or give another folder"
            )
        multirun.run(job, open_corpus)


class _Left(NamedTuple):
    """A job that is left to do."""

    identity: str
    number: int
    overrides: list[str]


class _Multirun:
    """One start of a sweep."""

    def __init__(
        self, line: CommandLine, plan: Plan, folder: Path, earlier: Earlier | None
    ) -> None:
        self.line, self.plan, self.folder, self.earlier = line, plan, folder, earlier
        self.settings = plan.settings[0]
        earlier_jobs = [record.settings for record in read_records(folder).values()]
        self.swept = keys_that_differ([*plan.settings, *earlier_jobs])
        self._numbers_folders = _numbers_folders(plan)
        if earlier is not None and plan.jobs is None and not _can_resume(plan.config):
            raise InputError(
                f"{RESUME}: only hydra/sweeper=grid and optuna know which jobs are done"
            )

    def run(
        self,
        job: Callable[[DictConfig], Any],
        open_corpus: Callable[[Mapping[str, Any]], Corpus],
    ) -> None:
        """Do what is left to do."""
        try:
            self._run(job, open_corpus)
        except InputError:
            self._take_back()
            raise
        except (FailedJobsError, KeyboardInterrupt):
            raise
        except Exception as error:  # a launcher whose processes or machines are gone
            raise FailedJobsError(
                f"{' '.join(str(error).split()) or type(error).__name__}; to go on: "
                f"{self._resume_command()}"
            ) from error

    def _take_back(self) -> None:
        """Leave the record of the sweep as it was before a start that was refused."""
        if self.earlier is not None:
            self.earlier.record.write(self.folder)
        elif not job_folders(self.folder):
            (self.folder / SWEEP_FILE).unlink(missing_ok=True)

    def _run(
        self,
        job: Callable[[DictConfig], Any],
        open_corpus: Callable[[Mapping[str, Any]], Corpus],
    ) -> None:
        for damaged in set_damaged_aside(self.folder):
            _say(f"note: {damaged} cannot be read and is left aside: that job is done anew")
        self._wait_for_orphans()
        parent_run = self._parent()
        if parent_run is not None:
            parent_run.start_opening()
        fingerprints = self._read_texts(open_corpus)
        with parent_run or nullcontext() as parent:
            left = self._left(fingerprints, parent)
            self._record(parent).write(self.folder)
            self._tell_plan(left)
            try:
                if left is None or left:
                    if in_other_processes(self.plan.config.hydra.launcher):
                        prepare_end()
                    self._launch(left, job)
            except KeyboardInterrupt:
                _say(f"interrupted; to go on: {self._resume_command()}")
                raise
            finally:
                end_sweep(self.folder, parent, self.settings["tracking.vectors"])
            self._raise_failures(left)

    def _wait_for_orphans(self) -> None:
        """Wait for processes of an earlier start that are still at work on a job."""
        told = False
        while at_work := [
            record
            for record in read_records(self.folder).values()
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
                SWEPT_TAG: json.dumps(self.swept),
                COMMAND_TAG: command_text("train", ["-m", *self._words()]),
            },
            output_folder=self.folder,
            run_id=earlier,
        )

    def _configuration(self) -> dict[str, Any]:
        """Return the parent's parameters: of a swept key, all its values."""
        found = dict(self.settings)
        for key in self.swept:
            values = dict.fromkeys(str(settings.get(key)) for settings in self.plan.settings)
            found[key] = ",".join(values)
        return found

    def _overrides(self) -> list[str]:
        return [text for text in self.line.overrides if key_of(text) != RESUME]

    def _flags(self) -> list[str]:
        return [flag for flag in self.line.flags if flag not in ("-m", "--multirun")]

    def _words(self) -> list[str]:
        return [*self._flags(), *self._overrides()]

    def _record(self, parent: ParentRun | None) -> SweepRecord:
        before = None if self.earlier is None else self.earlier.record
        record = SweepRecord(
            command=shlex.join(["nw2v", "train", "-m", *self._words()]),
            overrides=self._overrides(),
            flags=self._flags(),
            metric=listed(self.settings["sweep.metric"]),
            direction=listed(self.settings["sweep.direction"]),
            swept=self.swept,
            directory=str(Path.cwd()),
            started=time.time() if before is None else before.started,
        )
        if parent is not None:
            record.parent_run, record.uri = parent.run_id, parent.uri
            record.experiment_id = parent.store.experiment_id
        elif before is not None:  # not tracked this time
            record.parent_run, record.uri = before.parent_run, before.uri
            record.experiment_id = before.experiment_id
        return record

    def _left(
        self, fingerprints: Mapping[str, str], parent: ParentRun | None
    ) -> list[_Left] | None:
        """Return the jobs to launch; None: the sweeper knows."""
        found = read_records(self.folder)
        records = {record.identity: record for record in found.values()}
        places = {record.identity: place for place, record in found.items()}
        tracked = {} if parent is None or self.earlier is None else parent.children(IDENTITY_TAG)
        if self.plan.jobs is None:
            cut_short = [
                mark for mark, record in records.items() if record.status in (RUNNING, KILLED)
            ]
            _remove(parent, tracked, cut_short)  # a search does them anew
            return None
        taken = {record.job for record in records.values()}
        number = max(len(self.plan.jobs), 1 + max(taken, default=-1))
        left: list[_Left] = []
        untracked = changed = 0
        for place, job in enumerate(self.plan.jobs):
            record = records.get(job.identity)
            fingerprint = fingerprints[_text_of(job.settings)]
            if record is not None and _is_done(
                record, places[job.identity], fingerprint, tracked.get(job.identity, ())
            ):
                untracked += record.run_id is None
                continue
            changed += record is not None and record.is_done
            if record is not None:
                chosen = record.job
            elif place not in taken:
                chosen = place  # as at the first start, whichever jobs it began with
            else:
                chosen, number = number, number + 1
            overrides = list(job.overrides)
            if self._numbers_folders:
                overrides.append(f"hydra.sweep.subdir={chosen}")
            left.append(_Left(job.identity, chosen, overrides))
        _remove(parent, tracked, [job.identity for job in left])
        if changed:
            _say(f"note: the text has changed: {changed} finished jobs are done anew")
        if untracked and parent is not None:
            _say(f"note: {untracked} finished jobs were not tracked and have no run in MLflow")
        return left

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

    def _launch(self, left: list[_Left] | None, job: Callable[[DictConfig], Any]) -> None:
        line = self.line
        overrides = [text for text in line.overrides if key_of(text) != "hydra.sweep.dir"]
        flags = line.flags if line.options.multirun else ["-m", *line.flags]
        whole = parse_command_line([*flags, *overrides, _quoted("hydra.sweep.dir", self.folder)])
        first = min((each.number for each in left or ()), default=0)
        if left is not None and not self._numbers_folders:
            known = read_records(self.folder).values()
            first = 1 + max((record.job for record in known), default=-1)
        with planned([each.overrides for each in left or ()], first):
            launch(job, "train", whole, self.plan.config, sweep=True)
        dismiss_processes()

    def _raise_failures(self, left: list[_Left] | None) -> None:
        if self._is_search():  # a failure is a result too; it has said how many there were
            return
        of_sweep = None
        if left is not None and self.plan.jobs is not None:
            of_sweep = dict.fromkeys((job.identity for job in self.plan.jobs), -1)
            of_sweep |= {each.identity: each.number for each in left}
        raise_failures(self.folder, of_sweep, self._resume_command())

    def _resume_command(self) -> str:
        return f"nw2v train -m {shlex.quote(f'{RESUME}={short_path(self.folder)}')}"


def _numbers_folders(plan: Plan) -> bool:
    """Whether the jobs' folders have the jobs' numbers.

    Raises
    ------
    InputError
        If all jobs would have one folder.
    """
    node = OmegaConf.to_container(plan.config.hydra.sweep, resolve=False)
    assert isinstance(node, dict)
    subdir = str(node["subdir"])
    if "${" not in subdir and plan.jobs is not None and len(plan.jobs) > 1:
        raise InputError(
            f"hydra.sweep.subdir={subdir}: all jobs would write into one folder; let it "
            "differ, as hydra.sweep.subdir='${hydra.job.num}' does"
        )
    return subdir == _OWN_NUMBERS


def _is_done(record: JobRecord, place: Path, fingerprint: str, tracked: Sequence[Any]) -> bool:
    """Whether nothing is left to do of a job, given its text of today and its runs in MLflow."""
    if record.corpus_fingerprint not in (None, fingerprint):
        return False
    if record.is_done or record.status != RUNNING:
        return record.is_done
    # Killed between the last word to MLflow and the last one to the folder.
    for run in tracked:
        text = run.data.tags.get("corpus_fingerprint")
        if (run.info.status, text) == (FINISHED, fingerprint):
            record.status, record.run_id = FINISHED, run.info.run_id
            record.corpus_fingerprint = fingerprint
            record.write(place)
            return True
    return False


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


def _quoted(key: str, value: object) -> str:
    text = str(value).replace("\\", "\\\\").replace("'", "\\'")
    return f"{key}='{text}'"


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
