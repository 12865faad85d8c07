"""Stores for the tests of tracking. A new one takes MLflow seconds, so they share one."""

from __future__ import annotations

import itertools
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from nw2v.tracking.mlflow_callback import MlflowCallback
from nw2v.tracking.store import Store
from nw2v.training.callbacks import Report, TrainingStart

_numbers = itertools.count()


@pytest.fixture(scope="session")
def store_uri(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A store that all tests share; each takes an experiment of its own."""
    from nw2v.tracking.store import open_client

    uri = f"sqlite:///{tmp_path_factory.mktemp('store') / 'mlflow.db'}"
    open_client(uri)
    return uri


@pytest.fixture
def experiment() -> str:
    return f"experiment {next(_numbers)}"


@pytest.fixture(autouse=True)
def _no_mlflow_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("TRACKING_URI", "EXPERIMENT_NAME", "EXPERIMENT_ID", "RUN_ID"):
        monkeypatch.delenv(f"MLFLOW_{name}", raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def new_callback(store_uri: str, experiment: str) -> Callable[..., MlflowCallback]:
    def make(**options: Any) -> MlflowCallback:
        return MlflowCallback(**{"uri": store_uri, "experiment": experiment, **options})

    return make


def training_start(**facts: Any) -> TrainingStart:
    settings = {"loss": "negative_sampling", "trainer": "stream", "dim": 3, "epochs": 5}
    known = {
        "vocabulary_size": 7,
        "corpus_tokens": 1000,
        "heldout_tokens": 20,
        "corpus": "kjv",
        "corpus_fingerprint": "0123456789abcdef0123456789abcdef",
    }
    parameters: Any = None
    return TrainingStart(5000, settings, known | facts, parameters)


def report(step: int, **metrics: float) -> Report:
    return Report(step, step // 1000, {f"train/{name}": value for name, value in metrics.items()})


def opened(callback: MlflowCallback) -> Store:
    assert callback.store is not None
    return callback.store


def read(callback: MlflowCallback):
    return opened(callback).client.get_run(callback.run_id)


def history(callback: MlflowCallback, name: str) -> list[tuple[int, float]]:
    found = opened(callback).client.get_metric_history(callback.run_id, name)
    return [(metric.step, metric.value) for metric in found]


@pytest.fixture(scope="session")
def ui(store_uri: str) -> Iterator[str]:
    """The address that `nw2v ui` tells, run in a process of its own on the shared store.

    In the end Ctrl-C is sent, which must end it and its server.
    """
    code = (
        "import sys; from nw2v.tracking.ui import run_ui;"
        "tell = lambda line: print(line, flush=True);"
        f"sys.exit(run_ui({store_uri!r}, experiment='Default', tell=tell))"
    )
    environment = {key: value for key, value in os.environ.items() if "MLFLOW" not in key}
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        text=True,
        env={**environment, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert process.stdout is not None
    try:
        said: list[str] = []
        for line in process.stdout:
            said.append(line)
            if line.startswith("Open "):
                break
        else:
            pytest.fail(f"the UI did not start: {''.join(said)}")
        address = said[-1].split()[1]
        yield address
        if os.name == "nt":  # without SIGINT
            return
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0
        parts = urlsplit(address)
        with socket.socket() as client:
            assert client.connect_ex((parts.hostname, parts.port)) != 0, "the server still runs"
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
