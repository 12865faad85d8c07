from typing import Any

import pytest

from nw2v.errors import InputError
from nw2v.tracking.mlflow_callback import MlflowCallback

from .conftest import opened, read, report, training_start


def test_an_active_run_is_the_parent(store_uri, experiment, monkeypatch, tmp_path):
    import mlflow

    utils = mlflow.tracking._tracking_service.utils
    monkeypatch.setattr(utils, "_tracking_uri", store_uri)
    client = mlflow.MlflowClient(store_uri)
    identifier = client.create_experiment(experiment, artifact_location=tmp_path.as_uri())
    with mlflow.start_run(experiment_id=identifier) as parent:
        callback = MlflowCallback(experiment="not this one")
        with callback:
            callback.started(training_start())
            active: Any = mlflow.active_run()
            assert active.info.run_id == parent.info.run_id
            callback.finished(report(1))
        mlflow.log_metric("mine", 1.0)
    child = read(callback)
    assert child.data.tags["mlflow.parentRunId"] == parent.info.run_id
    assert child.info.experiment_id == identifier
    assert client.get_run(parent.info.run_id).info.status == "FINISHED"
    assert client.get_run(parent.info.run_id).data.metrics == {"mine": 1.0}


def test_an_active_run_of_another_store_is_not(new_callback, monkeypatch):
    import mlflow

    class Active:
        info = type("Info", (), {"run_id": "0" * 32, "experiment_id": "1"})

    monkeypatch.setattr(mlflow, "active_run", lambda: Active)
    monkeypatch.setattr(mlflow, "get_tracking_uri", lambda: "http://elsewhere:5000")
    callback = new_callback()
    callback.started(training_start())
    callback.finished(report(1))
    assert "mlflow.parentRunId" not in read(callback).data.tags


def test_the_environment_says_where(store_uri, experiment, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store_uri)
    monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", experiment)
    first = MlflowCallback()
    first.started(training_start())
    first.finished(report(1))
    assert (opened(first).uri, opened(first).experiment) == (store_uri, experiment)

    monkeypatch.delenv("MLFLOW_EXPERIMENT_NAME")
    monkeypatch.setenv("MLFLOW_RUN_ID", first.run_id)
    second = MlflowCallback()
    second.started(training_start())
    second.finished(report(1))
    assert read(second).data.tags["mlflow.parentRunId"] == first.run_id
    assert opened(second).experiment == experiment


def test_a_parent_that_is_not_there(new_callback, monkeypatch):
    monkeypatch.setenv("MLFLOW_RUN_ID", "f" * 32)
    with pytest.raises(InputError, match=r"parent run f+, which MLFLOW_RUN_ID names, is not in"):
        new_callback().connect()
