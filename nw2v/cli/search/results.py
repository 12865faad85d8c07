"""What a search found: lines for the terminal and `optimization_results.yaml`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from nw2v.files import write_atomically
from nw2v.sweeps.objectives import Objective

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

    from nw2v.sweeps.study import Search

RESULTS_FILE = "optimization_results.yaml"


def results(search: Search) -> dict[str, Any]:
    """Give what a search found, under the names that Hydra's Optuna sweeper gives it.

    Returns
    -------
    dict
        name, best_params, best_value and best_job (`null` if no trial was completed); for several
        objectives name and solutions, the Pareto front: params, values and job of each.
    """
    found = search.best()
    if len(search.objectives) > 1:
        solutions = [
            {
                "params": search.values(trial),
                "values": list(trial.values or ()),
                "job": search.job_of(trial),
            }
            for trial in found
        ]
        return {"name": "optuna", "solutions": solutions}
    best = found[0] if found else None
    return {
        "name": "optuna",
        "best_params": None if best is None else search.values(best),
        "best_value": None if best is None else best.value,
        "best_job": None if best is None else search.job_of(best),
    }


def write_results(search: Search, folder: Path) -> Path:
    """Write what a search found into the sweep's folder."""
    path = folder / RESULTS_FILE
    with write_atomically(path, "w") as file:
        yaml.safe_dump(results(search), file, sort_keys=False, allow_unicode=True)
    return path


def report(search: Search) -> str:
    """Tell what a search found, for a terminal."""
    counts = search.counts()
    counted = ", ".join(f"{number} {name}" for name, number in counts.items() if number)
    found = search.best()
    lines = [f"{sum(counts.values())} trials: {counted}"]
    if len(search.objectives) > 1:
        lines.append(f"Pareto front of {len(found)}:")
    for trial in found:
        lines.append(f"best  {describe(search, trial)}")
        texts = search.texts(trial)
        width = max(map(len, texts))
        lines += [f"  {key:{width}}  {text}" for key, text in texts.items()]
    return "\n".join(lines)


def describe(search: Search, trial: FrozenTrial) -> str:
    """Tell a completed trial's number, job and values."""
    return (
        f"trial {trial.number} (job {search.job_of(trial)}): "
        f"{values_text(search.objectives, trial.values or ())}"
    )


def values_text(objectives: Sequence[Objective], values: Sequence[float]) -> str:
    """Write values beside the names of their metrics."""
    pairs = zip(objectives, values, strict=True)
    return ", ".join(f"{objective.metric} {value:.6g}" for objective, value in pairs)
