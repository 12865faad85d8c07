"""What a run is told as MLflow takes it: names, lengths, parameters, statuses."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

# MLflow's limits (mlflow.utils.validation).
PARAMETERS_A_BATCH = 100
METRICS_A_BATCH = 1000
PARAMETER_CHARACTERS = 6000
TAG_CHARACTERS = 5000
DIGEST_CHARACTERS = 36
DATASET_NAME_CHARACTERS = 500
KEY_CHARACTERS = 250

MODEL_FOLDER = "model"
VECTORS_ENDING = ".safetensors"
OUTPUT_FOLDER_TAG = "nw2v.output_folder"
FAILURE_TAG = "failure"
VANISHED = "the process vanished"  # why a run failed that was killed before it could say
PARENT_TAG = "mlflow.parentRunId"
# Of sweeps and comparisons, and of their jobs.
KIND_TAG = "nw2v.kind"
COMMAND_TAG = "nw2v.command"
SWEPT_TAG = "nw2v.swept"
BEST_RUN_TAG = "nw2v.best_run"
JOB_TAG = "nw2v.job"
IDENTITY_TAG = "nw2v.job_identity"
PRUNED_TAG = "nw2v.pruned"
SWEEP_FILE = "sweep.json"
JOB_FILE = "job.json"

_YAML_TYPES = (str, bool, int, float, list, type(None))


def entities(client: Any) -> Any:
    """Return where the entities are that a client takes: Metric, Param, Dataset, ..."""
    own = getattr(client, "entities", None)
    if own is not None:
        return own
    import mlflow.entities

    return mlflow.entities


def log_parameters(client: Any, run_id: Any, values: Mapping[str, Any]) -> None:
    """Log a run's parameters, as many at a time as MLflow takes."""
    parameter = entities(client).Param
    parameters = [
        parameter(legal_key(key), str(value)[:PARAMETER_CHARACTERS])
        for key, value in values.items()
    ]
    for first in range(0, len(parameters), PARAMETERS_A_BATCH):
        client.log_batch(run_id, params=parameters[first : first + PARAMETERS_A_BATCH])


def failure_reason(error: BaseException) -> str:
    """Say why a run failed, as its tag `FAILURE_TAG` does."""
    return f"{type(error).__name__}: {error}".strip().removesuffix(":")[:TAG_CHARACTERS]


def final_status(error: BaseException | None) -> str:
    """Tell the status of a run that an error ended, or none."""
    if error is None:
        return "FINISHED"
    return "KILLED" if isinstance(error, KeyboardInterrupt) else "FAILED"


def flatten(mapping: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return the leaves of a nested mapping by their dotted keys."""
    leaves: dict[str, Any] = {}
    for key, value in mapping.items():
        if isinstance(value, Mapping) and value:
            leaves |= flatten(value, f"{prefix}{key}.")
        else:
            leaves[f"{prefix}{key}"] = value
    return leaves


def legal_key(name: str) -> str:
    """Return the name with all that MLflow refuses in names replaced by an underscore."""
    parts = [re.sub(r"[^\w.\- :]", "_", part) for part in name.split("/")]
    kept = [part for part in parts if part.strip(".")]
    return "/".join(kept)[:KEY_CHARACTERS] or "_"


def nested(leaves: Mapping[str, Any]) -> dict[str, Any]:
    """Return the leaves as a tree, undoing `flatten`, with values that YAML can hold."""
    tree: dict[str, Any] = {}
    for key, value in leaves.items():
        *path, last = key.split(".")
        node = tree
        for part in path:
            node = node.setdefault(part, {})
        node[last] = value if isinstance(value, _YAML_TYPES) else str(value)
    return tree
