"""`nw2v compare`: both losses on equal terms, as a Hydra application."""

from __future__ import annotations

import logging
import shutil
import sys
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from nw2v.cli.application import launch
from nw2v.cli.command_text import command_text
from nw2v.cli.configuration import (
    compose_all,
    parse_command_line,
    plain,
)
from nw2v.cli.output_folder import check_output_folder
from nw2v.cli.scoring import forget_sets, sets_of
from nw2v.cli.settings import (
    COMPARE_TRAINERS,
    COMPARE_TRAINING_SETTINGS,
    COMPARISON_SETTINGS,
    read_comparison,
)
from nw2v.cli.train import check_sources, open_corpus, tell
from nw2v.errors import FailedJobsError, InputError
from nw2v.files import write_atomically
from nw2v.tracking.run_values import KIND_TAG
from nw2v.training.callbacks import Callback
from nw2v.training.settings import TRAINERS, TrainingSettings

if TYPE_CHECKING:
    import pandas as pd

    from nw2v.comparison import Comparison, System
    from nw2v.tracking.parent_run import ParentRun
    from nw2v.training.progress import CompilationNotice

NO_SWEEPS = (
    "nw2v compare makes no sweeps: what it compares stands in lists, such as "
    "compare.negatives=[1,5], and compare.seeds says how many seeds each system has"
)
_BOTH_TRAINERS = "{0}.stream and {0}.cooccurrence"
# What `nw2v train` has and a comparison has not, and what to do instead.
_OF_TRAIN = {
    "experiment": "the presets are those of nw2v train",
    "loss": "compare.systems names losses and trainers, such as naive_softmax/cooccurrence",
    "loss.negatives": "there is compare.negatives",
    "loss.noise_exponent": "there is compare.noise_exponent",
    "trainer": "compare.systems names losses and trainers, which have their studied settings",
    "trainer.epochs": f"there are {_BOTH_TRAINERS.format('compare.epochs')}",
    "trainer.learning_rate": f"there are {_BOTH_TRAINERS.format('compare.learning_rate')}",
    "trainer.threads": "there is compare.threads",
    "trainer.deterministic": "a comparison is always deterministic",
    "evaluation.vectors": "center vectors V and V + U are both scored",
    "sweep": "it makes no sweeps",
}

_log = logging.getLogger(__name__)


def run(arguments: Sequence[str]) -> int:
    """Compare as the command line says, or print what it asks for.

    Returns
    -------
    int
        0.

    Raises
    ------
    InputError
        The configuration is wrong; found out before any work begins.
    FailedJobsError
        A system diverged.
    """
    line = parse_command_line(arguments, "compare")
    config = None
    if line.composes:
        _refuse_keys_of_train(line.overrides)
        (composed,) = compose_all(line, "compare", COMPARISON_SETTINGS, NO_SWEEPS)
        if line.trains:
            config = composed
            _check(read_comparison(plain(config)))
            check_output_folder(line, config)
    try:
        launch(compare_job, "compare", line, config, keys=COMPARISON_SETTINGS)
    finally:
        forget_sets()
    return 0


def _refuse_keys_of_train(overrides: Sequence[str]) -> None:
    for override in overrides:
        key = override.lstrip("+~").partition("=")[0]
        for name in (key, key.partition(".")[0]):
            if name in _OF_TRAIN:
                raise InputError(f"{override}: nw2v compare has no {key}: {_OF_TRAIN[name]}")


def _check(settings: Mapping[str, Any]) -> None:
    """Find out what is wrong before anything is read or trained."""
    from nw2v.comparison.request import check_request

    check_request(**_request(settings), shared=_shared(settings))
    check_sources(settings)
    sets_of(settings)


def compare_job(config: DictConfig) -> None:
    """Make one comparison within the folder that Hydra has made for it."""
    settings = read_comparison(plain(config))
    _compare(settings, Path(HydraConfig.get().runtime.output_dir))


def _compare(settings: Mapping[str, Any], folder: Path) -> None:
    from nw2v.comparison import compare, write_report
    from nw2v.training.loop import DivergenceError
    from nw2v.training.progress import CompilationNotice

    sets = sets_of(settings)
    with CompilationNotice() as notice, _parent(settings, folder) as parent:
        corpus = open_corpus(settings)
        told = [*_notes(settings), *corpus.hints]
        tell(told)
        try:
            comparison = compare(
                corpus,
                analogies=sets.analogies,
                similarity=sets.similarity,
                callbacks_for=_Callbacks(notice, parent),
                after_training=_Kept(folder),
                **_request(settings),
                **_shared(settings),
            )
        except DivergenceError as error:
            raise FailedJobsError(str(error)) from error
        tell(hint for hint in corpus.hints if hint not in told)
        written = write_report(comparison, folder, command_text("compare", sys.argv[1:]))
        if parent is not None:
            parent.log(written, _metrics(comparison))
        _say(_findings(comparison, folder, parent))
        _check_divergence(comparison)


def _findings(comparison: Comparison, folder: Path, parent: ParentRun | None) -> str:
    from nw2v.comparison import conclusions
    from nw2v.comparison.matrix import legend, score_matrix, text_matrix

    width = shutil.get_terminal_size((100, 24)).columns
    lines = [text_matrix(score_matrix(comparison), width), "", *_wrapped(legend("*"), width), ""]
    for sentence in conclusions(comparison):
        lines += _wrapped(sentence, width, "- ")
    lines += ["", f"report      {folder / 'report.html'}"]
    if parent is not None:
        lines.append(f"MLflow      experiment {parent.experiment}, run {parent.run_name}")
    return "\n".join(lines)


def _wrapped(text: str, width: int, start: str = "") -> list[str]:
    return textwrap.wrap(
        start + text, width, subsequent_indent=" " * len(start), break_on_hyphens=False
    )


def _say(text: str) -> None:
    _log.info("%s", text)
    with suppress(OSError):  # All is written; what cannot be printed is told at the end.
        print(text, flush=True)


def _check_divergence(comparison: Comparison) -> None:
    from nw2v.comparison.divergence import divergence_sentences

    sentences = divergence_sentences(comparison.diverged, comparison.systems, len(comparison.seeds))
    if sentences:
        raise FailedJobsError(" ".join([*sentences, "The others were compared."]))


def _notes(settings: Mapping[str, Any]) -> Iterator[str]:
    """Say what of the configuration has no effect."""
    from nw2v.comparison.systems import DEFAULT_NEGATIVES, read_systems

    systems = read_systems(settings["compare.systems"], settings["compare.negatives"])
    if all(system.negatives is None for system in systems):
        draws = "no system of compare.systems draws negatives"
        if tuple(settings["compare.negatives"]) != DEFAULT_NEGATIVES:
            yield f"compare.negatives is ignored: {draws}"
        if settings["compare.noise_exponent"] != TrainingSettings.noise_exponent:
            yield f"compare.noise_exponent is ignored: {draws}"
    for trainer in TRAINERS:
        if any(system.trainer == trainer for system in systems):
            continue
        for key in COMPARE_TRAINERS:
            if settings[f"{key}.{trainer}"] is not None:
                yield f"{key}.{trainer} is ignored: no system of compare.systems has that trainer"


def _parent(settings: Mapping[str, Any], folder: Path) -> Any:
    if settings["tracking.name"] == "none":
        return nullcontext()
    from nw2v.tracking.parent_run import ParentRun

    path, name = settings["corpus.path"], settings["corpus.name"]
    corpus = Path(path).name.partition(".")[0] if path and name == "file" else name
    return ParentRun(
        uri=settings["tracking.uri"],
        experiment=settings["tracking.experiment"],
        run_name=settings["tracking.run_name"] or f"compare-{corpus}",
        configuration=settings,
        tags={KIND_TAG: "comparison", "corpus": corpus},
        output_folder=folder,
    )


class _Kept:
    """Writes what is known after each training: something is there if a later one fails."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __call__(self, scores: pd.DataFrame, curves: pd.DataFrame) -> None:
        for name, table in (("scores", scores), ("curves", curves)):
            with write_atomically(self._folder / f"{name}.csv", "w") as file:
                table.to_csv(file, index=False)


class _Divergence(Callback):
    """Says at once that a training diverged: the comparison goes on."""

    def __init__(self, label: str) -> None:
        self._label = label

    def failed(self, error: BaseException) -> None:
        """Print and log what went wrong, if it is that."""
        from nw2v.training.loop import DivergenceError

        if isinstance(error, DivergenceError):
            _log.info("%s: %s", self._label, error)
            tell([f"{self._label} diverged; the comparison goes on without its system"])


class _Callbacks:
    """Gives each training its progress bar, and its run below the comparison's."""

    def __init__(self, notice: CompilationNotice, parent: ParentRun | None) -> None:
        self._notice, self._parent = notice, parent

    def __call__(self, system: System, seed: int) -> list[Callback]:
        from nw2v.training.progress import ProgressBar

        label = f"{system.name}, seed {seed}"
        callbacks: list[Callback] = [self._notice, ProgressBar(label=label), _Divergence(label)]
        if self._parent is not None:
            from nw2v.tracking.mlflow_callback import MlflowCallback

            callbacks.append(
                MlflowCallback(
                    uri=self._parent.uri,
                    experiment=self._parent.experiment,
                    run_name=label,
                    vectors="none",
                    parent_run_id=self._parent.run_id,
                )
            )
        return callbacks


def _request(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The keywords of `nw2v.comparison.compare` that say what is compared."""
    by_trainer = {
        key: {trainer: settings[f"{key}.{trainer}"] for trainer in TRAINERS}
        for key in COMPARE_TRAINERS
    }
    return {
        "systems": settings["compare.systems"],
        "negatives": settings["compare.negatives"],
        "seeds": settings["compare.seeds"],
        "seed": settings["seed"],
        "epochs": by_trainer["compare.epochs"],
        "learning_rates": by_trainer["compare.learning_rate"],
    }


def _shared(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The keywords of `nw2v.train` that all systems have in common."""
    return {
        keyword: settings[key]
        for key, keyword in COMPARE_TRAINING_SETTINGS.items()
        if keyword != "seed"
    }


def _metrics(comparison: Comparison) -> dict[str, float]:
    """The means over seeds, as the parent run's metrics."""
    summary = comparison.summary
    keys = zip(summary["system"], summary["vectors"], summary["metric"], strict=True)
    return {
        f"{system}/{metric}" + ("" if vectors == "model" else f" {vectors}"): float(mean)
        for (system, vectors, metric), mean in zip(keys, summary["mean"], strict=True)
    }
