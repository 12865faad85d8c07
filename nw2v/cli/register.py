"""`nw2v register`: a run's word vectors as an MLflow model."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from typing import TYPE_CHECKING

from nw2v.cli.arguments import ArgumentParser
from nw2v.cli.scoring import VECTORS

if TYPE_CHECKING:
    from nw2v.tracking.registered_model import RegisteredVectors

PORT = 5001


def run(arguments: Sequence[str]) -> int:
    """Log and register a run's vectors; print the model's address and how to ask it."""
    parser = ArgumentParser(
        prog="nw2v register",
        description="Log the vectors of an MLflow run as a model of that run, which MLflow can "
        "load, serve and register.",
    )
    parser.add_argument(
        "run",
        metavar="RUN",
        help="an MLflow run id or a run's output folder; of a sweep, its best job is taken",
    )
    parser.add_argument(
        "--name",
        metavar="NAME",
        help="the registered model that gets a new version (default: logged, not registered)",
    )
    parser.add_argument(
        "--vectors", choices=VECTORS, default="center", help="which vectors (default center)"
    )
    parser.add_argument(
        "--uri",
        metavar="URI",
        help="the store (default: MLFLOW_TRACKING_URI, else mlflow.db in this folder)",
    )
    options = parser.parse_args(arguments)
    from nw2v.tracking.registered_model import register

    done = register(options.run, name=options.name, vectors=options.vectors, uri=options.uri)
    print(_told(done, options.vectors))
    return 0


def _told(done: RegisteredVectors, kind: str) -> str:
    from nw2v.tracking.registered_model import example_questions
    from nw2v.tracking.store_address import readable, without_password

    address = done.model_uri if done.version is None else f"models:/{done.name}/{done.version}"
    request = json.dumps(
        {"dataframe_records": example_questions(done.words), "params": {"top": 5}},
        ensure_ascii=False,
    )
    run = f"MLflow run {done.run_id}"
    if done.sweep is not None:
        run += f" (the best job of the sweep {done.sweep})"
    store = shlex.quote(without_password(done.uri))
    question = example_questions(done.words)[0]
    lines = [
        done.model_uri,
        f"the {kind} vectors of {run}: {len(done.words):,} words, {done.dim} dimensions, in the "
        f"store {readable(done.uri)}",
    ]
    if done.version is not None:
        lines.append(f"registered as version {done.version} of {done.name}: {address}")
    lines += [
        "",
        "To ask it in Python:",
        f"  export MLFLOW_TRACKING_URI={store}",
        "  python",
        "  >>> import mlflow, pandas",
        f"  >>> model = mlflow.pyfunc.load_model({address!r})",
        f"  >>> model.predict(pandas.DataFrame([{question!r}]))",
        "",
        "To serve it on this machine, and ask over HTTP:",
        f"  export MLFLOW_TRACKING_URI={store}",
        f"  mlflow models serve -m {shlex.quote(address)} --env-manager local --port {PORT}",
        f"  curl http://127.0.0.1:{PORT}/invocations -H 'Content-Type: application/json' \\",
        f"    -d {shlex.quote(request)}",
    ]
    return "\n".join(lines)
