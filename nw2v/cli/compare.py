"""`nw2v compare`: both losses on equal terms, as a Hydra application."""

from __future__ import annotations

import logging
import shlex
import sys
from collections.abc import Mapping, Sequence
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from nw2v.cli.application import launch
from nw2v.cli.configuration import (
    check_output_folder,
    compose_all,
    parse_command_line,
    plain,
)
from nw2v.cli.scoring import forget_sets, sets_of
from nw2v.cli.settings import (
    COMPARE_TRAINING_SETTINGS,
    COMPARISON_SETTINGS,
    read_comparison,
)
from nw2v.cli.train import check_sources, open_corpus
from nw2v.files import write_atomically
from nw2v.tracking.run_values import KIND_TAG
from nw2v.training.settings import TRAINERS

if TYPE_CHECKING:
    import pandas as pd

    from nw2v.comparison import Comparison, System
    from nw2v.tracking.parent_run import ParentRun
    from nw2v.training.callbacks import Callback
    from nw2v.training.progress import CompilationNotice

NO_SWEEPS = (
    "nw2v compare makes no sweeps: give several systems in compare.systems and compare.negatives"
)

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
    """
    line = parse_command_line(arguments, "compare")
    config = None
    if line.composes:
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


def _check(settings: Mapping[str, Any]) -> None:
    """Find out what is wrong before anything is read or trained."""
    from nw2v.comparison.systems import read_systems

    read_systems(settings["compare.systems"], settings["compare.negatives"])
    check_sources(settings)
    sets_of(settings)


def compare_job(config: DictConfig) -> None:
    """Make one comparison within the folder that Hydra has made for it."""
    settings = read_comparison(plain(config))
    _compare(settings, Path(HydraConfig.get().runtime.output_dir))


def _compare(settings: Mapping[str, Any], folder: Path) -> None:
    from nw2v.comparison import compare, conclusions, write_report
    from nw2v.training.progress import CompilationNotice

    sets = sets_of(settings)
    with CompilationNotice() as notice, _parent(settings, folder) as parent:
        corpus = open_corpus(settings)
        comparison = compare(
            corpus,
            systems=settings["compare.systems"],
            negatives=settings["compare.negatives"],
            seeds=settings["compare.seeds"],
            analogies=sets.analogies,
            similarity=sets.similarity,
            epochs=_by_trainer(settings, "compare.epochs"),
            learning_rates=_by_trainer(settings, "compare.learning_rate"),
            callbacks_for=_Callbacks(notice, parent),
            after_training=_Kept(folder),
            seed=settings["seed"],
            **_shared(settings),
        )
        written = write_report(comparison, folder, _command())
        if parent is not None:
            parent.log(written, _metrics(comparison))
    lines = [*conclusions(comparison), f"report      {folder / 'report.html'}"]
    if parent is not None:
        lines.append(f"MLflow      experiment {parent.experiment}, run {parent.run_name}")
    text = "\n".join(lines)
    _log.info("%s", text)
    with suppress(OSError):  # All is written; what cannot be printed is told at the end.
        print(text, flush=True)


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


class _Callbacks:
    """Gives each training its progress bar, and its run below the comparison's."""

    def __init__(self, notice: CompilationNotice, parent: ParentRun | None) -> None:
        self._notice, self._parent = notice, parent

    def __call__(self, system: System, seed: int) -> list[Callback]:
        from nw2v.training.progress import ProgressBar

        callbacks: list[Callback] = [
            self._notice,
            ProgressBar(label=f"{system.name}, seed {seed}"),
        ]
        if self._parent is not None:
            from nw2v.tracking.mlflow_callback import MlflowCallback

            callbacks.append(
                MlflowCallback(
                    uri=self._parent.uri,
                    experiment=self._parent.experiment,
                    run_name=f"{system.name}, seed {seed}",
                    vectors="none",
                    parent_run_id=self._parent.run_id,
                )
            )
        return callbacks


def _shared(settings: Mapping[str, Any]) -> dict[str, Any]:
    """The keywords of `nw2v.train` that all systems have in common."""
    return {
        keyword: settings[key]
        for key, keyword in COMPARE_TRAINING_SETTINGS.items()
        if keyword != "seed"
    }


def _by_trainer(settings: Mapping[str, Any], key: str) -> dict[str, Any]:
    return {trainer: settings[f"{key}.{trainer}"] for trainer in TRAINERS}


def _command() -> str:
    """What was typed, without passwords."""
    from nw2v.tracking.store import without_password

    words = []
    for word in sys.argv[1:]:
        key, equals, value = word.partition("=")
        words.append(shlex.quote(f"{key}{equals}{without_password(value)}"))
    return " ".join(["nw2v compare", *words])


def _metrics(comparison: Comparison) -> dict[str, float]:
    """The means over seeds, as the parent run's metrics."""
    summary = comparison.summary
    keys = zip(summary["system"], summary["vectors"], summary["metric"], strict=True)
    return {
        f"{system}/{metric}" + ("" if vectors == "model" else f" {vectors}"): float(mean)
        for (system, vectors, metric), mean in zip(keys, summary["mean"], strict=True)
    }
