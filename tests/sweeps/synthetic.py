"""Sweeps made by hand: folders as a multirun leaves them, with scores by a formula."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

COMMON = {
    "corpus.name": "kjv",
    "corpus.path": None,
    "evaluation.analogies": ["nw2v"],
    "loss.name": "negative_sampling",
    "loss.negatives": 5,
    "model.dim": 100,
    "model.subsample": 1e-4,
    "trainer.learning_rate": 0.05,
    "trainer.deterministic": True,
    "tracking.uri": None,
}


def grid(**values: Sequence[Any]) -> list[dict[str, Any]]:
    """All combinations; keys are written with a double underscore for the dot."""
    keys = [key.replace("__", ".") for key in values]
    return [dict(zip(keys, one, strict=True)) for one in itertools.product(*values.values())]


def accuracy(settings: Mapping[str, Any]) -> float:
    """A score that is additive in window, dim and seed."""
    return float(
        0.4
        + 0.01 * {2: 0, 5: 3, 10: 2}.get(settings.get("model.window", 5), 1)
        + 0.02 * np.log2(settings.get("model.dim", 100) / 100)
        + 0.001 * (settings.get("seed", 1) - 2)
    )


def sweep_of(
    folder: Path,
    jobs: Sequence[Mapping[str, Any]],
    score: Callable[[Mapping[str, Any]], float] = accuracy,
    *,
    changes: Mapping[int, Mapping[str, Any]] | None = None,
    **facts: Any,
) -> Path:
    """Write a sweep's folder.

    Parameters
    ----------
    folder : Path
    jobs : sequence of mapping
        What each job sets.
    score : callable
        The analogy accuracy of a job by its settings.
    changes : mapping of int to mapping
        Other values of a job's job.json; with "metrics": None it has no metrics and no history.
    **facts
        Other values of sweep.json.
    """
    folder.mkdir(parents=True, exist_ok=True)
    swept = sorted({key for job in jobs for key in job})
    sweep = {
        "version": 1,
        "command": "nw2v train -m model.window=2,5,10",
        "overrides": ["model.window=2,5,10"],
        "flags": [],
        "metric": ["analogy/accuracy"],
        "direction": ["maximize"],
        "swept": swept,
        "parent_run": None,
        "uri": None,
        "experiment_id": None,
        "started": 1.7e9,
    }
    (folder / "sweep.json").write_text(json.dumps({**sweep, **facts}))
    for number, given in enumerate(jobs):
        change = dict((changes or {}).get(number, {}))
        settings = {**COMMON, **given}
        place = folder / str(number)
        (place / ".hydra").mkdir(parents=True)
        seconds = 2.0 + settings["model.dim"] / 100 + 0.25 * settings.get("model.window", 5)
        job = {
            "version": 1,
            "job": number,
            "status": "FINISHED",
            "identity": f"{number:064x}",
            "settings": settings,
            "corpus_fingerprint": "0123456789abcdef",
            "run_id": None,
            "process": {"nw2v.host": "elsewhere", "nw2v.pid": "12"},
            "started": 1.7e9 + number,
            "seconds": {
                "corpus": 0.5, "training": seconds, "evaluation": 0.25, "total": seconds + 0.75
            },
            "failure": None,
        }  # fmt: skip
        value = score(settings)
        metrics = {
            "analogy/accuracy": value,
            "valid/cross_entropy": 9.0 - 2 * value,
            "train/seconds": seconds,
            "train/loss": 3.0 - value,
        }
        has_metrics = change.pop("metrics", True)
        (place / "job.json").write_text(json.dumps({**job, **change}))
        if has_metrics:
            (place / "metrics.json").write_text(json.dumps(metrics))
            (place / "history.csv").write_text(_history(metrics))
    return folder


def _history(metrics: Mapping[str, float]) -> str:
    lines = ["step,train/loss,train/seconds,valid/cross_entropy"]
    for report in range(1, 21):
        loss = metrics["train/loss"] + 2 * np.exp(-report / 4)
        entropy = metrics["valid/cross_entropy"] + np.exp(-report / 4)
        seconds = metrics["train/seconds"] * report / 20
        measured = f"{entropy:.6f}" if report % 4 == 0 else ""
        lines.append(f"{report * 50_000},{loss:.6f},{seconds:.6f},{measured}")
    return "\n".join(lines) + "\n"
