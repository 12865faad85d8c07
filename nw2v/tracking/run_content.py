"""What the run of a training is given: a name, tags, parameters, a data set, files."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import yaml

from nw2v.tracking.processes import process_tags
from nw2v.tracking.run_names import made_up_name
from nw2v.tracking.run_values import (
    DATASET_NAME_CHARACTERS,
    DIGEST_CHARACTERS,
    OUTPUT_FOLDER_TAG,
    PARENT_TAG,
    TAG_CHARACTERS,
    VECTORS_ENDING,
    entities,
    flatten,
    log_parameters,
    nested,
)
from nw2v.tracking.store_address import without_password
from nw2v.training.callbacks import TrainingStart
from nw2v.training.settings import defaults_taken

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_PARAMETER_FACTS = ("vocabulary_size", "corpus_tokens", "heldout_tokens")
_DATASET_FACTS = ("corpus_tokens", "heldout_tokens", "vocabulary_size")


@dataclass(frozen=True)
class FailedStart:
    """What is known of a training that failed before it began, as of a `TrainingStart`."""

    settings: Mapping[str, Any]
    facts: Mapping[str, Any]

    @classmethod
    def of(cls, configuration: Mapping[str, Any]) -> FailedStart:
        """Take from the resolved configuration, by dotted key, what tags tell of a training."""
        return cls(
            {name: configuration.get(f"{name}.name") for name in ("loss", "trainer")},
            {"corpus": configuration.get("corpus.name")},
        )


Start: TypeAlias = TrainingStart | FailedStart


def default_run_name(default: str | None, start: Start) -> str:
    """Return a name for a run that was given none; it tells that several windows share a step."""
    name = default or made_up_name()
    windows = start.settings.get("batch_windows")
    if windows in (None, 1) or f"batch_windows={windows}" in name.split():
        return name
    return f"{name}-batch-{windows}"


def run_tags(
    start: Start,
    *,
    source: Mapping[str, str],
    parent_run_id: str | None,
    output_folder: Path | None,
    more: Mapping[str, str],
) -> dict[str, str]:
    """Return the tags that a run is made with.

    Parameters
    ----------
    start : TrainingStart or FailedStart
    source : mapping
        What `nw2v.tracking.provenance.source_tags` tells of the program.
    parent_run_id : str or None
    output_folder : Path or None
    more : mapping
        The user's own, which go before all others.
    """
    tags = {
        "loss": _name(start.settings.get("loss")),
        "trainer": _name(start.settings.get("trainer")),
        "corpus": _name(start.facts.get("corpus")),
        "corpus_fingerprint": _name(start.facts.get("corpus_fingerprint")),
        **source,
        **process_tags(),
    }
    if parent_run_id:
        tags[PARENT_TAG] = parent_run_id
    if output_folder is not None:
        tags[OUTPUT_FOLDER_TAG] = str(output_folder)
    tags |= more
    return {key: str(value)[:TAG_CHARACTERS] for key, value in tags.items()}


def facts_among_settings(start: Start) -> dict[str, Any]:
    """Return what is known of the text that stands among the settings of a run."""
    return {key: start.facts[key] for key in _PARAMETER_FACTS if key in start.facts}


def log_configuration(
    client: Any, run_id: str, start: Start, configuration: Mapping[str, Any] | None
) -> None:
    """Log every setting as a parameter, and all of them as config.yaml.

    Parameters
    ----------
    client : mlflow.MlflowClient or SqliteClient
    run_id : str
    start : TrainingStart or FailedStart
    configuration : mapping or None
        By dotted key; if it is None, the settings of the start are logged.
    """
    settings = flatten(start.settings)
    leaves = settings if configuration is None else dict(configuration)
    leaves |= defaults_taken(leaves, settings)
    for key, value in leaves.items():
        if isinstance(value, str):
            leaves[key] = without_password(value)
    log_parameters(client, run_id, leaves | facts_among_settings(start))
    text = yaml.safe_dump(nested(leaves), allow_unicode=True, sort_keys=False)
    client.log_text(run_id, text, "config.yaml")


def log_dataset(client: Any, run_id: str, start: Start, file: Path | None) -> None:
    """Log the corpus as MLflow's MetaDataset does: described, not copied.

    Parameters
    ----------
    client : mlflow.MlflowClient or SqliteClient
    run_id : str
    start : TrainingStart or FailedStart
    file : Path or None
        The text's absolute path, if it is a file of the user's.
    """
    kinds = entities(client)
    name = _name(start.facts.get("corpus")) or "corpus"
    source: dict[str, Any]
    if file is not None:
        kind, source = "local", {"uri": file.as_uri()}
    else:
        kind, source = "code", {"tags": {"nw2v.corpus": name}}
    facts = {key: start.facts[key] for key in _DATASET_FACTS if key in start.facts}
    dataset = kinds.Dataset(
        name=name[:DATASET_NAME_CHARACTERS],
        digest=_name(start.facts.get("corpus_fingerprint"))[:DIGEST_CHARACTERS] or "unknown",
        source_type=kind,
        source=json.dumps(source),
        profile=json.dumps(facts),
    )
    tags = [kinds.InputTag("mlflow.data.context", "training")]
    client.log_inputs(run_id, [kinds.DatasetInput(dataset, tags)])


def model_files(folder: Path, *, with_vectors: bool, left_out: Collection[str]) -> list[Path]:
    """Return the files of an output folder that are logged: no logs, no hidden files."""
    if not folder.is_dir():
        return []
    return [
        file
        for file in sorted(folder.iterdir())
        if file.is_file()
        and not file.name.startswith(".")
        and file.suffix != ".log"
        and file.name not in left_out
        and (with_vectors or file.suffix != VECTORS_ENDING)
    ]


def draw(figure: Figure, path: Path) -> None:
    """Write a figure, the user's own or not, in the format that the path's ending names."""
    from nw2v.plots.figure import PNG_OPTIONS

    options: dict[str, Any] = {"pil_kwargs": dict(PNG_OPTIONS)} if path.suffix == ".png" else {}
    figure.savefig(path, **options)


def _name(value: Any) -> str:
    """Return a setting that may be a name or an object with a name as its name."""
    return "" if value is None else str(getattr(value, "name", value))
