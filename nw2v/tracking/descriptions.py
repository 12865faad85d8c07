"""What MLflow's pages say of runs and experiments in words, as Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterable

# MLflow shows the text of this tag, of a run or of an experiment, as its description.
DESCRIPTION_TAG = "mlflow.note.content"

# The pages need not guess from the runs what kind of experiment it is.
EXPERIMENT_TAGS = {
    "mlflow.experimentKind": "custom_model_development",
    DESCRIPTION_TAG: (
        "Word vectors trained by nw2v: skip-gram with the naive softmax or negative sampling.\n\n"
        "- `valid/cross_entropy` (nats a pair; less is better) compares runs of any loss, window "
        "or subsampling; `valid/loss` only those of the same loss.\n"
        "- `analogy/accuracy` and `similarity/.../spearman` score the vectors.\n"
        "- The step of every metric is the number of words trained on.\n"
        "- The jobs of a sweep or comparison are under their parent run: open it with its plus "
        "sign, select the jobs, and *Compare*."
    ),
}

_NAME_CHARACTERS = 80
# What says where a run goes or comes from, not what it is.
_UNTOLD = re.compile(
    r"(hydra[./]|tracking[.=]|trainer\.threads|sweep\.|corpus\.path=|evaluation\.)"
)


def run_description(command: str, summary: str = "") -> str:
    """Return a run's description: what it gave, and the command that repeats it.

    Parameters
    ----------
    command : str
        As a person types it.
    summary : str
        Lines for a terminal, shown as they are; empty before the run is done.
    """
    blocks = [f"```\n{text}\n```" for text in (summary.strip(), f"$ {command}") if text]
    return "\n\n".join(blocks)


def run_name(overrides: Iterable[str]) -> str | None:
    """Return a name that tells how a run differs from others, None if nothing was set.

    Parameters
    ----------
    overrides : iterable of str
        Of the configuration, such as `model.window=2`.

    Examples
    --------
    >>> run_name(["loss=naive_softmax", "model.window=2", "tracking.uri=runs.db"])
    'loss=naive_softmax window=2'
    """
    told = []
    for override in overrides:
        key, equals, value = override.lstrip("+").partition("=")
        if equals and not _UNTOLD.match(f"{key}="):
            told.append(f"{key.rpartition('.')[2]}={value}")
    name = " ".join(told)
    if len(name) > _NAME_CHARACTERS:
        name = f"{name[: _NAME_CHARACTERS - 1]}…"
    return name or None
