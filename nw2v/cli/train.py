"""`nw2v train`: the Hydra application that reads a text, trains, scores and tracks one run."""

from __future__ import annotations

import logging
import math
import sys
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig

from nw2v.cli.application import launch
from nw2v.cli.command_text import command_text
from nw2v.cli.configuration import (
    compose_all,
    is_sweep,
    parse_command_line,
    plain,
)
from nw2v.cli.multirun import run_multirun
from nw2v.cli.one_of_several import progress_of_job, shares_terminal
from nw2v.cli.output_folder import check_output_folder
from nw2v.cli.pictures import pictures
from nw2v.cli.resuming import resumes
from nw2v.cli.scoring import forget_sets, possible_metrics, score, sets_of
from nw2v.cli.settings import listed, read_settings, train_keywords
from nw2v.cli.suggestions import did_you_mean
from nw2v.cli.summary import summary
from nw2v.cli.sweep_job import SweepJob, timed
from nw2v.errors import InputError
from nw2v.interrupts import interrupts_as_such
from nw2v.sweeps.files import PRUNED
from nw2v.sweeps.objectives import read_objectives
from nw2v.tracking.descriptions import DESCRIPTION_TAG, run_description, run_name
from nw2v.tracking.run_values import JOB_FILE
from nw2v.training.callbacks import Callback, Pruned, TrainingStart

if TYPE_CHECKING:
    from nw2v import Model
    from nw2v.corpus import Corpus
    from nw2v.tracking.mlflow_callback import MlflowCallback
    from nw2v.training.progress import CompilationNotice

# What a job is told that is none of its own: with it, the whole sweep would go on.
_OF_ITS_SWEEP = ("sweep.resume=", "sweep.trial=")

_log = logging.getLogger(__name__)


def run(arguments: Sequence[str]) -> int:
    """Train as the command line says, or print what it asks for.

    Parameters
    ----------
    arguments : sequence of str
        Hydra's overrides and flags.

    Returns
    -------
    int
        0.

    Raises
    ------
    InputError
        The configuration is wrong; found out before any work begins.
    """
    line = parse_command_line(arguments)
    try:
        if line.trains and (line.options.multirun or resumes(line)):
            run_multirun(line, train_job, check_job, open_corpus)
            return 0
        config = None
        if line.composes:
            config = compose_all(line)[0]
            if line.trains and is_sweep(line, config):  # a preset says so
                run_multirun(line, train_job, check_job, open_corpus)
                return 0
            if line.trains:
                check(read_settings(plain(config)))
                check_output_folder(line, config)
        launch(train_job, "train", line, config if line.trains else None)
    finally:
        forget_sets()
    return 0


def check(settings: Mapping[str, Any]) -> None:
    """Find out what is wrong with a configuration before any work begins.

    Raises
    ------
    InputError
        A text or set that is not there, or a store that cannot be meant.
    """
    check_sources(settings)
    sets_of(settings)


def check_job(settings: Mapping[str, Any]) -> None:
    """Find out what is wrong with the configuration of a job of a sweep before the first begins.

    Raises
    ------
    InputError
        As for `check`; or a metric to rank by that the job cannot have.
    """
    check(settings)
    possible = possible_metrics(settings, sets_of(settings))
    for name in listed(settings["sweep.metric"]):
        if name not in possible:
            hint = did_you_mean(name, possible)
            there = ", ".join(each for each in possible if each.count("/") == 1)
            raise InputError(
                f"sweep.metric={name}: a job of this configuration has no such metric"
                f"{hint or f' (there is: {there}, and those of each set, such as {possible[-1]})'}"
            )


def check_sources(settings: Mapping[str, Any]) -> None:
    """Check what can be seen of the text and the store without opening them.

    Raises
    ------
    InputError
        A text that does not exist, a path where none is read, a store that cannot be meant.
    """
    from nw2v.corpus import Tokenizer, corpus_names
    from nw2v.corpus.named import named_corpus

    name, path = settings["corpus.name"], settings["corpus.path"]
    Tokenizer(
        lowercase=settings["corpus.lowercase"],
        words=settings["corpus.words"],
        unicode_normalization=settings["corpus.unicode_normalization"],
    )
    if path is None and name == "file":
        raise InputError("corpus=file needs corpus.path=FILE_OR_FOLDER")
    if path is not None and name in corpus_names():
        raise InputError(
            f"corpus.path={path} and corpus={name} are two texts: "
            f"write corpus=file corpus.path={path}, or leave the path out"
        )
    if path is None:
        named_corpus(name)
    elif not Path(path).exists():
        raise InputError(f"corpus.path={path}: no such file or folder")
    if settings["tracking.name"] == "mlflow":
        from nw2v.tracking.store_address import check_driver, resolve_uri

        check_driver(resolve_uri(settings["tracking.uri"]))


def train_job(config: DictConfig) -> float | list[float] | None:
    """Do one training run within the folder that Hydra has made for it.

    Parameters
    ----------
    config : DictConfig
        The application's configuration, without Hydra's own part.

    Returns
    -------
    float, list of float or None
        The metric that sweep.metric names, or several of them, for a sweeper to optimise.
    """
    settings = read_settings(plain(config))
    folder = Path(HydraConfig.get().runtime.output_dir)
    in_sweep = HydraConfig.get().mode == RunMode.MULTIRUN
    job = SweepJob.current(settings, folder) if in_sweep else None
    try:
        with job or nullcontext():
            check_sources(settings)
            return _train(settings, folder, job)
    except Exception as error:
        if in_sweep:
            number = HydraConfig.get().job.num if job is None else job.record.job
            _log.warning("job %s failed: %s", number, error)
        raise


def _train(
    settings: Mapping[str, Any], folder: Path, job: SweepJob | None
) -> float | list[float] | None:
    from nw2v.training.progress import CompilationNotice

    tracker = None
    try:
        with (
            CompilationNotice() as notice,
            _tracking(settings, folder, job) as tracker,
            interrupts_as_such(),
        ):
            return _train_tracked(settings, folder, job, notice, tracker)
    finally:
        if job is not None and tracker is not None:
            job.record.run_id = tracker.run_id


def _train_tracked(
    settings: Mapping[str, Any],
    folder: Path,
    job: SweepJob | None,
    notice: CompilationNotice,
    tracker: MlflowCallback | None,
) -> float | list[float] | None:
    import nw2v
    from nw2v.training.compile_ahead import compile_ahead

    if tracker is not None:
        tracker.start_connecting()
    keywords = train_keywords(settings)
    if settings["loss.name"] == "negative_sampling":
        keywords["batch_windows"] = None
    compile_ahead(keywords)
    with timed(job, "corpus"):
        corpus = open_corpus(settings)
    told = [*_notes(settings), *corpus.hints]
    if job is None:
        tell(told)
    sets = sets_of(settings)

    def evaluate(model: Model) -> dict[str, float]:
        vectors = model.word_vectors(settings["evaluation.vectors"])
        return score(vectors, sets, settings["trainer.threads"]).metrics()

    callbacks: list[Callback] = [notice, progress_of_job(_log)]
    if job is not None:
        callbacks.append(job)
    if tracker is not None:
        callbacks += [tracker] if job else [tracker, _PicturesAhead(tracker)]
    callbacks += _pruning(settings)  # last: the others know the metrics that it decides by
    try:
        with timed(job, "evaluation"):
            model = nw2v.train(corpus, **keywords, evaluate=evaluate, callbacks=callbacks)
    except Pruned as stopped:
        model = stopped.model
        tell([f"{stopped}: others did better; what was learnt is kept"])
        if job is not None:
            job.record.status = PRUNED
    except KeyboardInterrupt as error:
        if isinstance(error, nw2v.Interrupted) and error.model.steps:
            error.model.save(folder)
            print(f"interrupted: what was learnt so far is in {folder}", file=sys.stderr)
        raise
    if job is None:
        tell(hint for hint in corpus.hints if hint not in told)
    else:
        job.trained(model.metrics["train/seconds"])
    model.save(folder)
    if tracker is not None:
        # The pictures of a sweep are those of its best job: as many as jobs would take longer
        # than many a training.
        figures = {} if job else pictures(model, settings["evaluation.vectors"])
        tracker.log_outputs(folder, figures)
    text = summary(model, settings, folder, tracker, short=job is not None)
    if tracker is not None:
        tracker.describe(run_description(_command(), text))
    _log.info("%s", text)
    if not shares_terminal():
        with suppress(OSError):  # The run is done; what cannot be printed is told at the end.
            print(text, flush=True)
    return _objective(model.metrics, settings, job is not None)


class _PicturesAhead(Callback):
    """Imports what draws the pictures while training goes on, after MLflow."""

    def __init__(self, tracker: MlflowCallback) -> None:
        self._tracker = tracker

    def started(self, start: TrainingStart) -> None:
        """Begin, in the background."""
        threading.Thread(target=self._import, daemon=True).start()

    def _import(self) -> None:
        if self._tracker.run_id is not None:  # waits for it
            from nw2v.plots.figure import new_figure

            new_figure(1, 1)


def _pruning(settings: Mapping[str, Any]) -> list[Callback]:
    """Give the callback that stops an unpromising training, in a job of a search that prunes."""
    if settings["sweep.trial"] is None:
        return []
    from nw2v.cli.search.job import pruning_callbacks

    return list(
        pruning_callbacks(
            settings["sweep.trial"], settings["sweep.metric"], settings["sweep.direction"]
        )
    )


def _objective(
    metrics: Mapping[str, float], settings: Mapping[str, Any], in_sweep: bool
) -> float | list[float] | None:
    objectives = read_objectives(settings["sweep.metric"], settings["sweep.direction"])
    values = [metrics.get(objective.metric, math.nan) for objective in objectives]
    for objective, value in zip(objectives, values, strict=True):
        if in_sweep and math.isnan(value):
            _log.warning(
                "the run has no metric %s (sweep.metric): it cannot be ranked", objective.metric
            )
    if any(map(math.isnan, values)):
        return None
    return values[0] if len(values) == 1 else values


def open_corpus(settings: Mapping[str, Any]) -> Corpus:
    """Read the text that the configuration names, with a progress bar."""
    from nw2v.corpus import Corpus, Tokenizer
    from nw2v.training.progress import ReadingProgress

    name, path = settings["corpus.name"], settings["corpus.path"]
    options = {
        "min_count": settings["corpus.min_count"],
        "max_vocabulary": settings["corpus.max_vocabulary"],
        "max_sentence_length": settings["corpus.max_sentence_length"],
        "encoding_errors": settings["corpus.encoding_errors"],
        "tokenizer": Tokenizer(
            lowercase=settings["corpus.lowercase"],
            words=settings["corpus.words"],
            unicode_normalization=settings["corpus.unicode_normalization"],
        ),
    }
    with ReadingProgress(label=f"reading {path or name}") as progress:
        if path is None:
            return Corpus.from_name(name, progress=progress, **options)
        own_name = None if name == "file" else name
        return Corpus.from_file(path, name=own_name, progress=progress, **options)


def _notes(settings: Mapping[str, Any]) -> Iterator[str]:
    """Say what of the configuration has no effect."""
    if settings["loss.name"] == "naive_softmax" and settings["loss.negatives"] is not None:
        yield "loss.negatives is ignored: the naive softmax draws no negatives"
    if settings["loss.name"] == "negative_sampling" and settings["trainer.batch_windows"]:
        yield "trainer.batch_windows is ignored: negative sampling chooses its batches itself"
    if settings["trainer.name"] == "cooccurrence" and settings["evaluation.vectors"] == "center":
        yield (
            "vectors of trainer=cooccurrence are better as V + U than as V alone, which is scored "
            "here: evaluation.vectors=sum"
        )


def tell(notes: Iterable[str]) -> None:
    """Print notes for the user beside what a command gives."""
    for note in notes:
        print(f"note: {note}", file=sys.stderr)


def _command() -> str:
    """Return the command that does the running job alone."""
    words = HydraConfig.get().overrides.task
    return command_text("train", [word for word in words if not word.startswith(_OF_ITS_SWEEP)])


def _tracking(
    settings: Mapping[str, Any], folder: Path, job: SweepJob | None
) -> AbstractContextManager[MlflowCallback | None]:
    if settings["tracking.name"] == "none":
        return nullcontext()
    from nw2v.tracking.mlflow_callback import MlflowCallback

    vectors = settings["tracking.vectors"]
    return MlflowCallback(
        uri=settings["tracking.uri"],
        experiment=settings["tracking.experiment"],
        run_name=settings["tracking.run_name"] if job is None else job.label,
        default_name=run_name(HydraConfig.get().overrides.task),
        # Which job is the best is known when all are done.
        vectors="none" if job is not None and vectors == "best" else vectors,
        configuration=settings,
        output_folder=folder,
        parent_run_id=None if job is None else job.parent_run,
        tags={
            DESCRIPTION_TAG: run_description(_command()),
            **({} if job is None else job.tags),
        },
        left_out=[JOB_FILE],
    )
