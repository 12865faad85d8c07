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
from nw2v.cli.configuration import (
    CommandLine,
    check_output_folder,
    compose_all,
    is_sweep,
    parse_command_line,
    plain,
)
from nw2v.cli.ranking import rank_sweeps
from nw2v.cli.scoring import forget_sets, score, sets_of
from nw2v.cli.settings import read_settings, train_keywords
from nw2v.cli.summary import summary
from nw2v.errors import InputError, NotAvailableError
from nw2v.training.callbacks import Callback, TrainingStart

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from nw2v import Model
    from nw2v.corpus import Corpus
    from nw2v.tracking.mlflow_callback import MlflowCallback
    from nw2v.training.progress import CompilationNotice

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
    config, sweep = None, False
    if line.composes:
        configs = compose_all(line)
        sweep = is_sweep(line, configs[0])
        if line.trains:
            _check(line, configs, sweep)
            config = configs[0]
    try:
        launch(train_job, "train", line, config, sweep=sweep)
    finally:
        rank_sweeps()
        forget_sets()
    return 0


def _check(line: CommandLine, configs: Sequence[DictConfig], sweep: bool) -> None:
    """Find out what is wrong with the configuration of any job before the first begins."""
    for config in configs:
        settings = read_settings(plain(config))
        if sweep and settings["tracking.vectors"] == "best":
            raise NotAvailableError(
                "tracking.vectors=best in a sweep is not in this version yet: use all or none"
            )
        check_sources(settings)
        sets_of(settings)
    check_output_folder(line, configs[0])


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
        from nw2v.tracking.store import resolve_uri

        resolve_uri(settings["tracking.uri"])


def train_job(config: DictConfig) -> float | None:
    """Do one training run within the folder that Hydra has made for it.

    Parameters
    ----------
    config : DictConfig
        The application's configuration, without Hydra's own part.

    Returns
    -------
    float or None
        The metric that sweep.metric names, for a sweeper to optimise.
    """
    try:
        settings = read_settings(plain(config))
        check_sources(settings)
        return _train(settings)
    except Exception as error:
        if HydraConfig.get().mode == RunMode.MULTIRUN:
            _log.warning("job %s failed: %s", HydraConfig.get().job.num, error)
        raise


def _train(settings: Mapping[str, Any]) -> float | None:
    from nw2v.training.progress import CompilationNotice

    with CompilationNotice() as notice:
        return _train_told(settings, notice)


def _train_told(settings: Mapping[str, Any], notice: CompilationNotice) -> float | None:
    import nw2v
    from nw2v.training.compile_ahead import compile_ahead
    from nw2v.training.progress import ProgressBar

    folder = Path(HydraConfig.get().runtime.output_dir)
    in_sweep = HydraConfig.get().mode == RunMode.MULTIRUN
    sets = sets_of(settings)
    with _tracking(settings, folder) as tracker:
        if tracker is not None:
            tracker.start_connecting()
        keywords = train_keywords(settings)
        if settings["loss.name"] == "negative_sampling":
            keywords["batch_windows"] = None
        compile_ahead(keywords)
        corpus = open_corpus(settings)
        told = [*_notes(settings), *corpus.hints]
        _tell(told)

        def evaluate(model: Model) -> dict[str, float]:
            vectors = model.word_vectors(settings["evaluation.vectors"])
            return score(vectors, sets, settings["trainer.threads"]).metrics()

        try:
            model = nw2v.train(
                corpus,
                **keywords,
                evaluate=evaluate,
                callbacks=[
                    notice,
                    ProgressBar(),
                    *([] if tracker is None else [tracker, _PicturesAhead(tracker)]),
                ],
            )
        except KeyboardInterrupt as error:
            if isinstance(error, nw2v.Interrupted):
                error.model.save(folder)
                print(f"interrupted: what was learnt so far is in {folder}", file=sys.stderr)
            raise
        _tell(hint for hint in corpus.hints if hint not in told)
        model.save(folder)
        if tracker is not None:
            tracker.log_outputs(folder, pictures(model, settings["evaluation.vectors"]))
        text = summary(model, settings, folder, tracker, short=in_sweep)
    _log.info("%s", text)
    with suppress(OSError):  # The run is done; what cannot be printed is told at the end.
        print(text, flush=True)
    return _objective(model.metrics, settings, in_sweep)


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


def _objective(
    metrics: Mapping[str, float], settings: Mapping[str, Any], in_sweep: bool
) -> float | None:
    name = settings["sweep.metric"]
    value = metrics.get(name, math.nan)
    if in_sweep and math.isnan(value):
        _log.warning("the run has no metric %s (sweep.metric): it cannot be ranked", name)
    return None if math.isnan(value) else value


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


def _tell(notes: Iterable[str]) -> None:
    for note in notes:
        print(f"note: {note}", file=sys.stderr)


def _tracking(
    settings: Mapping[str, Any], folder: Path
) -> AbstractContextManager[MlflowCallback | None]:
    if settings["tracking.name"] == "none":
        return nullcontext()
    from nw2v.tracking.mlflow_callback import MlflowCallback

    return MlflowCallback(
        uri=settings["tracking.uri"],
        experiment=settings["tracking.experiment"],
        run_name=settings["tracking.run_name"],
        vectors=settings["tracking.vectors"],
        configuration=settings,
        output_folder=folder,
    )


def pictures(model: Model, vectors: str) -> dict[str, Figure]:
    """Return the figures that are logged with a run, by name."""
    from nw2v.plots import loss_curve, word_map

    chosen = model.word_vectors(vectors)
    try:
        return {
            "loss_curve": loss_curve(model.history),
            "word_map": word_map(chosen.words, chosen.vectors, chosen.counts),
        }
    except Exception as error:  # hours of training must not fail for want of a font
        _log.warning("no pictures were drawn (%s: %s)", type(error).__name__, error)
        return {}
