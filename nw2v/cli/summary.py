"""What `nw2v train` prints when it is done: scores, a few neighbours, where the run is."""

from __future__ import annotations

import math
import shutil
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nw2v.training.progress import duration, quantity

if TYPE_CHECKING:
    from nw2v import Model
    from nw2v.tracking.mlflow_callback import MlflowCallback

# The most frequent words of any language are its function words, whose neighbours say little.
FUNCTION_WORDS = 150
SHORTEST_SHOWN = 4
WORDS_SHOWN = 5
NEIGHBORS_SHOWN = 6
SHORTEST_TIMED = 0.1  # seconds; the speed of less says nothing


def summary(
    model: Model,
    settings: Mapping[str, Any],
    folder: Path,
    tracker: MlflowCallback | None,
    *,
    short: bool = False,
) -> str:
    """Return the summary of a finished run as text.

    Parameters
    ----------
    model : Model
    settings : mapping
        By dotted key.
    folder : Path
        The run's output folder.
    tracker : MlflowCallback or None
    short : bool
        Only the scores and the folder: for one job out of many.
    """
    heldout_fraction = settings["evaluation.heldout_fraction"]
    rows = dict(_training(model)) | dict(_scores(model.metrics, heldout_fraction))
    if not short:
        rows |= _neighbors(model, settings["evaluation.vectors"])
    rows["folder"] = short_path(folder)
    if tracker is not None and tracker.store is not None and not short:
        rows["MLflow"] = f"experiment {tracker.store.experiment}, run {_run_name(tracker)}"
        rows["look at it"] = tracker.run_url or _ui_command(settings["tracking.uri"])
    if not short:
        rows["ask it"] = f"{_program()} neighbors {short_path(folder)} WORD"
    width = max(map(len, rows))
    return "\n".join(f"{name:{width}}  {text}" for name, text in rows.items())


def _training(model: Model) -> Iterator[tuple[str, str]]:
    metrics = model.metrics
    if "train/loss" in metrics:
        text = f"{metrics['train/loss']:.4f} a pair at the end"
        seconds = metrics.get("train/seconds", 0.0)
        if seconds > 0:
            text += f", after {duration(seconds)}"
        if seconds >= SHORTEST_TIMED:
            text += f" at {quantity(model.steps / seconds)} words/s"
        yield "training loss", text


def _scores(metrics: Mapping[str, float], heldout_fraction: float) -> Iterator[tuple[str, str]]:
    if "valid/cross_entropy" in metrics:
        text = f"{metrics['valid/cross_entropy']:.4f}"
        if "valid/cross_entropy_standard_error" in metrics:
            text += f" ± {metrics['valid/cross_entropy_standard_error']:.4f}"
        text += " nats a pair"
        if "valid/cross_entropy_unigram" in metrics:
            text += f"; word frequencies alone: {metrics['valid/cross_entropy_unigram']:.4f}"
        yield "held-out cross-entropy", text
        if metrics["valid/cross_entropy"] > metrics.get("valid/cross_entropy_unigram", math.inf):
            yield (
                "hint",
                "word frequencies alone do better: more passes (trainer.epochs) or more text help",
            )
    else:
        why = "evaluation.heldout_fraction=0" if heldout_fraction == 0 else "too little text"
        yield "held-out cross-entropy", f"not measured: nothing was held out ({why})"
    for name, value in metrics.items():
        parts = name.split("/")
        if len(parts) != 3:
            continue
        kind, which, what = parts
        coverage = metrics.get(f"{kind}/{which}/coverage", math.nan)
        if (kind, what) == ("analogy", "accuracy"):
            yield (
                f"analogies {which}",
                f"{value:.1%} of the questions whose words are known ({coverage:.0%} of all)",
            )
        elif (kind, what) == ("similarity", "spearman"):
            yield f"similarity {which}", f"Spearman {value:.3f} over {coverage:.0%} of the pairs"


def _neighbors(model: Model, kind: str) -> dict[str, str]:
    vectors = model.word_vectors(kind)
    candidates = [
        word
        for word in vectors.words[FUNCTION_WORDS : FUNCTION_WORDS + 500]
        if len(word) >= SHORTEST_SHOWN and word.isalpha()
    ]
    step = max(1, len(candidates) // WORDS_SHOWN)
    return {
        f"near {word}": ", ".join(
            near for near, _ in vectors.most_similar(word, top=min(NEIGHBORS_SHOWN, len(vectors)))
        )
        for word in candidates[::step][:WORDS_SHOWN]
    }


def _run_name(tracker: MlflowCallback) -> str:
    name = tracker.run_name
    if name is None and tracker.store is not None:
        try:
            name = tracker.store.client.get_run(tracker.run_id).info.run_name
        except Exception:  # a store that no longer answers: the id says enough
            return str(tracker.run_id)
    return f"{name} ({tracker.run_id})"


def _ui_command(uri: str | None) -> str:
    return f"{_program()} ui" if uri is None else f"{_program()} ui --uri {uri}"


def _program() -> str:
    """Return what the user has to type: the program beside this Python if `nw2v` is not it."""
    beside = Path(sys.executable).with_name("nw2v")
    found = shutil.which("nw2v")
    if not beside.exists() or (found is not None and Path(found).samefile(beside)):
        return "nw2v"
    return short_path(beside)


def short_path(folder: Path) -> str:
    """Return a path as a person would type it: relative where it is below the working folder."""
    try:
        return str(folder.relative_to(Path.cwd()))
    except ValueError:
        return str(folder)
