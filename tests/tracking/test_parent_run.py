import logging
from typing import Any

import pytest

from nw2v.errors import InputError
from nw2v.tracking.parent_run import ParentRun
from nw2v.training.callbacks import Report

from .conftest import training_start


@pytest.fixture
def new_parent(store_uri, experiment, tmp_path):
    def make(**options: Any) -> ParentRun:
        given = {
            "uri": store_uri,
            "experiment": experiment,
            "run_name": "all of them",
            "configuration": {},
            "tags": {},
            "output_folder": tmp_path / "outputs",
        }
        return ParentRun(**{**given, **options})

    return make


def read(parent: ParentRun):
    return parent.store.client.get_run(parent.run_id)


class Broken:
    """A client some of whose methods fail."""

    def __init__(self, client, *methods: str):
        self.client, self.methods = client, methods

    def __getattr__(self, name):
        if name in self.methods:
            raise ConnectionError("the store is on holiday\nuntil Monday")
        return getattr(self.client, name)


def break_client(monkeypatch, *methods: str) -> None:
    """Let the clients of the stores that are opened from now on fail."""
    import dataclasses

    from nw2v.tracking import parent_run

    opened = parent_run.open_store

    def open_broken(*arguments):
        store = opened(*arguments)
        return dataclasses.replace(store, client=Broken(store.client, *methods))

    monkeypatch.setattr(parent_run, "open_store", open_broken)


def test_a_run_reads_back(new_parent, experiment, tmp_path):
    configuration = {
        "seed": 1,
        "compare": {"systems": ["a/b", "c/d"], "epochs": {"stream": None}},
        "tracking.uri": "postgresql://me:secret@db/mlflow",
        "long": "x" * 7000,
    }
    tags = {"nw2v.kind": "comparison", "long": "y" * 6000}
    with new_parent(configuration=configuration, tags=tags) as parent:
        assert read(parent).info.status == "RUNNING"
        assert (parent.experiment, parent.run_name) == (experiment, "all of them")
        (tmp_path / "outputs").mkdir()
        files = [tmp_path / "outputs" / name for name in ("report.md", "scores.csv")]
        for file in files:
            file.write_text("# ψ\n", encoding="utf-8")
        parent.log(files, {"negative sampling K=5, stream/cross-entropy": 7.5})
        assert read(parent).info.status == "RUNNING"
    run = read(parent)
    assert run.info.status == "FINISHED" and run.info.end_time >= run.info.start_time
    assert run.info.run_name == "all of them"
    assert run.data.params == {
        "seed": "1",
        "compare.systems": "['a/b', 'c/d']",
        "compare.epochs.stream": "None",
        "tracking.uri": "postgresql://me:***@db/mlflow",
        "long": "x" * 6000,
    }
    assert run.data.metrics == {"negative sampling K_5_ stream/cross-entropy": 7.5}
    assert run.data.tags["nw2v.kind"] == "comparison"
    assert run.data.tags["long"] == "y" * 5000
    assert run.data.tags["nw2v.output_folder"] == str(tmp_path / "outputs")
    assert "failure" not in run.data.tags
    client = parent.store.client
    names = {item.path for item in client.list_artifacts(parent.run_id)}
    assert names == {"report.md", "scores.csv"}
    folder = client.download_artifacts(parent.run_id, "", str(tmp_path))
    assert (tmp_path / "report.md").read_text(encoding="utf-8") == "# ψ\n", folder


def test_more_parameters_than_the_store_takes_at_once(new_parent):
    with new_parent(configuration={f"key{number}": number for number in range(150)}) as parent:
        pass
    assert len(read(parent).data.params) == 150


def test_without_a_name_mlflow_makes_one_up(new_parent):
    with new_parent(run_name=None) as parent:
        assert parent.run_name
    assert read(parent).info.run_name == parent.run_name


def test_trainings_become_its_children(new_parent, new_callback):
    with new_parent() as parent:
        child = new_callback(run_name="one", vectors="none", parent_run_id=parent.run_id)
        child.started(training_start())
        child.finished(Report(1000, 1, {"train/loss": 0.5}))
    tags = parent.store.client.get_run(child.run_id).data.tags
    assert tags["mlflow.parentRunId"] == parent.run_id


@pytest.mark.parametrize(
    ("error", "status", "reason"),
    [
        (ValueError("no\nluck"), "FAILED", "ValueError: no\nluck"),
        (MemoryError(), "FAILED", "MemoryError"),
        (KeyboardInterrupt(), "KILLED", "KeyboardInterrupt"),
        (ValueError("z" * 9000), "FAILED", ("ValueError: " + "z" * 9000)[:5000]),
    ],
)
def test_the_status_is_how_the_block_was_left(error, status, reason, new_parent):
    with pytest.raises(type(error)), new_parent() as parent:
        raise error
    run = read(parent)
    assert (run.info.status, run.data.tags["failure"]) == (status, reason)


def test_a_run_of_a_process_that_vanished_is_ended_by_the_next_training(
    new_parent, new_callback, monkeypatch
):
    from nw2v.tracking import vanished_runs

    parent = new_parent().__enter__()
    monkeypatch.setattr(vanished_runs, "has_vanished", lambda tags: True)
    child = new_callback(vectors="none")
    child.started(training_start())
    child.finished(Report(1000, 1, {}))
    assert read(parent).info.status == "KILLED"


def test_a_store_that_cannot_be_used(new_parent, tmp_path):
    (tmp_path / "folder.db").mkdir()
    with pytest.raises(InputError, match=r"folder\.db"):
        new_parent(uri="folder.db").__enter__()
    with pytest.raises(InputError, match="file store"):
        new_parent(uri="file:mlruns")


def test_a_store_that_takes_no_parameters(new_parent, monkeypatch):
    break_client(monkeypatch, "log_batch")
    parent = new_parent(configuration={"seed": 1})
    with pytest.raises(InputError) as caught:
        parent.__enter__()
    assert str(caught.value).startswith("cannot log to the MLflow store ")
    assert "the store is on holiday" in str(caught.value) and "\n" not in str(caught.value)
    assert read(parent).info.status == "FAILED"


def test_a_store_that_takes_no_artifacts(new_parent, monkeypatch, tmp_path):
    break_client(monkeypatch, "log_artifact")
    (tmp_path / "report.md").write_text("x")
    with pytest.raises(InputError, match="cannot log to the MLflow store"), new_parent() as parent:
        parent.log([tmp_path / "report.md"], {})
    assert read(parent).info.status == "FAILED"


def test_a_store_that_is_away_in_the_end_does_not_hide_why_the_block_was_left(
    new_parent, monkeypatch, caplog
):
    break_client(monkeypatch, "set_tag", "set_terminated")
    with (
        caplog.at_level(logging.WARNING),
        pytest.raises(ValueError, match="no luck"),
        new_parent() as parent,
    ):
        raise ValueError("no luck")
    (record,) = caplog.records
    assert record.getMessage() == (
        f"MLflow run {parent.run_id} lacks its status FAILED (the store is on holiday)"
    )
    with caplog.at_level(logging.WARNING), new_parent() as parent:
        pass
    assert f"{parent.run_id} lacks its status FINISHED" in caplog.text
