"""A run's word vectors as an MLflow model that can be loaded, queried, served and registered."""

from __future__ import annotations

import json
import logging
import math
import shutil
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import nw2v
from nw2v.errors import InputError
from nw2v.tracking.run_argument import find_run
from nw2v.tracking.run_values import METRICS_A_BATCH
from nw2v.tracking.runs import find_model_folder
from nw2v.tracking.store import first_line, quiet_mlflow
from nw2v.tracking.store_address import is_server, readable
from nw2v.vectors import WordVectors

MODEL_NAME = "word-vectors"
VECTORS_TAG = "nw2v.vectors"
MODEL_CODE = Path(__file__).with_name("word_vectors_model.py")
# What the model's code imports; each is pinned to the version that is installed here.
REQUIREMENTS = ("mlflow", "numpy", "pandas", "safetensors")
# The modules with which vectors are read and queried. They import nothing else of nw2v.
LIBRARY = ("__init__.py", "errors.py", "files.py", "lazy_names.py", "vectors/*.py")
# Scores of one kind of vectors; all other metrics are of the whole model.
_SCORES_OF_VECTORS = ("analogy/", "similarity/")


class RegisteredVectors(NamedTuple):
    """What became of a run's vectors.

    Attributes
    ----------
    uri : str
        The store's address.
    run_id : str
        The run whose vectors they are.
    sweep : str or None
        The sweep's parent run, if the run was chosen as its best job.
    model_uri : str
        The model's address, models:/MODEL_ID.
    name, version : str or None
        The registered model and its new version, if it was given a name.
    words : tuple of str
        The vocabulary.
    dim : int
    """

    uri: str
    run_id: str
    sweep: str | None
    model_uri: str
    name: str | None
    version: str | None
    words: tuple[str, ...]
    dim: int


def register(
    run: str, *, name: str | None = None, vectors: str = "center", uri: str | None = None
) -> RegisteredVectors:
    """Log a run's word vectors as an MLflow model of that run, and register it under a name.

    The calling program's own MLflow state (active run, tracking address) is not changed.

    Parameters
    ----------
    run : str
        An MLflow run id or an output folder, as in `nw2v.tracking.run_argument.find_run`.
    name : str, optional
        The registered model that gets a new version; made if there is none. Without it, the model
        is logged but not registered.
    vectors : {"center", "outside", "sum"}
        Which vectors.
    uri : str, optional
        The store, as in `nw2v.tracking.store_address.resolve_uri`.

    Raises
    ------
    InputError
        If there is no such run or it has no vectors, the name cannot be one, or the store does
        not take the model.
    """
    if name is not None and (not name.strip() or set("/:") & set(name)):
        raise InputError(f"the model name {name!r} is blank or has a '/' or ':' in it")
    found = find_run(run, uri)
    run_id = found.run.info.run_id
    table = WordVectors.load(find_model_folder(run_id, found.uri), vectors=vectors)
    model = _log(found.client, found.uri, found.run, table, vectors)
    model_uri = f"models:/{model.model_id}"
    number = None
    if name is not None:
        with _one_line_errors(f"{model_uri} is logged, but cannot be registered as {name!r}"):
            number = _new_version(found.client, found.uri, name, model)
    return RegisteredVectors(
        found.uri, run_id, found.sweep, model_uri, name, number, table.words, table.dim
    )


def example_questions(words: Sequence[str]) -> list[dict[str, Any]]:
    """Return questions that a model with these words can answer, as the model takes them."""
    questions: list[dict[str, Any]] = [{"query": "most_similar", "words": [words[0]]}]
    if len(words) > 3:
        questions.append({"query": "analogy", "words": list(words[:3])})
    return questions


def _log(client: Any, uri: str, run: Any, vectors: WordVectors, kind: str) -> Any:
    """Log the model and return what the store knows of it.

    As mlflow.pyfunc.log_model does, which knows only the calling program's own store.
    """
    from mlflow.entities import LoggedModelOutput

    run_id = run.info.run_id
    with _one_line_errors(f"cannot log the model to the MLflow store {readable(uri)}"):
        model = client.create_logged_model(
            run.info.experiment_id,
            name=MODEL_NAME,
            source_run_id=run_id,
            tags={VECTORS_TAG: kind},
            params=dict(run.data.params),
        )
        try:
            with tempfile.TemporaryDirectory(prefix="nw2v-") as temporary:
                folder = Path(temporary) / "model"
                save(folder, vectors, kind, run_id=run_id, model_id=model.model_id)
                client.log_model_artifacts(model.model_id, str(folder))
        except BaseException:
            client.finalize_logged_model(model.model_id, "FAILED")
            raise
        client.finalize_logged_model(model.model_id, "READY")
        metrics = _last_metrics(client, run, model.model_id, kind)
        step = max((metric.step for metric in metrics), default=0)
        client.log_outputs(run_id, [LoggedModelOutput(model.model_id, step)])
        for first in range(0, len(metrics), METRICS_A_BATCH):
            client.log_batch(run_id, metrics=metrics[first : first + METRICS_A_BATCH])
    return model


def save(
    folder: Path,
    vectors: WordVectors,
    kind: str,
    *,
    run_id: str | None = None,
    model_id: str | None = None,
) -> None:
    """Write word vectors as an MLflow model into a folder that is not there yet.

    Parameters
    ----------
    folder : Path
    vectors : WordVectors
    kind : str
        Which vectors of a run they are, for the model's metadata.
    run_id, model_id : str, optional
        The run and the logged model that they belong to.
    """
    pyfunc = _import_pyfunc()
    import pandas as pd
    from mlflow.models import Model

    from nw2v.tracking.word_vectors_model import DEFAULTS

    with tempfile.TemporaryDirectory(prefix="nw2v-") as temporary:
        file, library = Path(temporary) / "vectors.safetensors", Path(temporary) / "library"
        vectors.save(file)
        _copy_library(library)
        # Names of type object: MLflow compares them in a way that pandas' strings warn about.
        example = pd.DataFrame(example_questions(vectors.words)).set_axis(
            pd.Index(["query", "words"], dtype=object), axis="columns"
        )
        with _quietly():
            pyfunc.save_model(
                folder,
                python_model=str(MODEL_CODE),
                artifacts={"vectors": str(file), "library": str(library)},
                signature=_signature(DEFAULTS),
                input_example=(example, DEFAULTS),
                pip_requirements=[f"{package}=={version(package)}" for package in REQUIREMENTS],
                mlflow_model=Model(run_id=run_id, model_id=model_id, model_uuid=model_id),
                metadata={
                    "vectors": kind,
                    "words": len(vectors),
                    "dimensions": vectors.dim,
                    "nw2v_version": nw2v.__version__,
                },
            )
    # Saving runs the model's code, which may leave compiled files beside it.
    for compiled in list(folder.rglob("__pycache__")):
        shutil.rmtree(compiled)


def _signature(defaults: dict[str, Any]) -> Any:
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, DataType, ParamSchema, ParamSpec, Schema
    from mlflow.types.schema import Array

    words, numbers = Array(DataType.string), Array(DataType.double)
    return ModelSignature(
        inputs=Schema(
            [
                ColSpec(DataType.string, "query"),
                ColSpec(words, "words"),
            ]
        ),
        outputs=Schema(
            [
                ColSpec(words, "answers"),
                ColSpec(numbers, "scores"),
                ColSpec(numbers, "vector", required=False),
                ColSpec(DataType.string, "error", required=False),
            ]
        ),
        params=ParamSchema(
            [
                ParamSpec("top", DataType.long, defaults["top"]),
                ParamSpec("method", DataType.string, defaults["method"]),
            ]
        ),
    )


def _copy_library(library: Path) -> None:
    source = Path(nw2v.__file__).parent
    for pattern in LIBRARY:
        for file in source.glob(pattern):
            target = library / "nw2v" / file.relative_to(source)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, target)


def _last_metrics(client: Any, run: Any, model_id: str, kind: str) -> list[Any]:
    """Return the run's last metrics as those of the model, but for scores of other vectors."""
    from mlflow.entities import Metric

    is_scored = run.data.params.get("evaluation.vectors", kind) == kind
    metrics = []
    for key, value in run.data.metrics.items():
        if math.isnan(value) or (key.startswith(_SCORES_OF_VECTORS) and not is_scored):
            continue
        last = max(
            client.get_metric_history(run.info.run_id, key),
            key=lambda metric: (metric.step, metric.timestamp),
        )
        metrics.append(
            Metric(
                key,
                last.value,
                last.timestamp,
                last.step,
                model_id=model_id,
                run_id=run.info.run_id,
            )
        )
    return metrics


def _new_version(client: Any, uri: str, name: str, model: Any) -> str:
    from mlflow.exceptions import MlflowException

    try:
        client.create_registered_model(name)
    except MlflowException as error:
        if error.error_code not in ("RESOURCE_ALREADY_EXISTS", "ALREADY_EXISTS"):
            raise
    # A store in this process would look for models:/MODEL_ID in the calling program's own store.
    source = f"models:/{model.model_id}" if is_server(uri) else model.artifact_location
    with _quietly():
        made = client.create_model_version(
            name, source, run_id=model.source_run_id, model_id=model.model_id
        )
    if not is_server(uri):
        # A server does this itself; MLflow's page of the model shows it.
        versions = json.dumps([{"name": name, "version": made.version}])
        client.set_logged_model_tags(model.model_id, {"mlflow.modelVersions": versions})
    return str(made.version)


def _import_pyfunc() -> Any:
    """Import MLflow's models, which warn about type hints of MLflow's own when imported."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import mlflow.pyfunc
    return mlflow.pyfunc


@contextmanager
def _quietly() -> Iterator[None]:
    """Keep MLflow's lines off the terminal, and uv's files of the working directory out of it.

    MLflow takes a uv.lock and pyproject.toml that it finds there for those of the model.
    """
    logger = logging.getLogger("mlflow")
    level = logger.level
    logger.setLevel(logging.WARNING)
    try:
        with quiet_mlflow(MLFLOW_UV_AUTO_DETECT="false"):
            yield
    finally:
        logger.setLevel(level)


@contextmanager
def _one_line_errors(what: str) -> Iterator[None]:
    from mlflow.exceptions import MlflowException
    from requests.exceptions import RequestException

    try:
        yield
    except (MlflowException, RequestException, OSError) as error:
        raise InputError(f"{what} ({first_line(error)})") from error
