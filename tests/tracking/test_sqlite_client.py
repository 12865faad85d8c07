"""What is written without MLflow is what its own client writes, in every row of every table."""

from __future__ import annotations

import contextlib
import math
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from nw2v.tracking import sqlite_client
from nw2v.tracking.run_values import entities
from nw2v.tracking.sqlite_client import SqliteClient, is_known, is_local
from nw2v.tracking.store import _experiment_by_name, open_client, open_store
from nw2v.tracking.store_address import sqlite_file

from .conftest import training_start


def file_of(uri: str) -> Path:
    file = sqlite_file(uri)
    assert file is not None
    return file


@pytest.fixture
def pair(store_uri: str, experiment: str, tmp_path: Path) -> tuple[Any, Any, str]:
    """Our client and MLflow's, each with a copy of the same store, and the experiment's id."""
    opened = open_store(store_uri, experiment)
    clients = []
    for name in ("ours", "mlflow"):
        file = tmp_path / f"{name}.db"
        shutil.copyfile(file_of(store_uri), file)
        uri = f"sqlite:///{file}"
        if not is_known(uri, file):
            pytest.skip("this MLflow makes a schema that its own client writes")
        clients.append(SqliteClient(uri, file) if name == "ours" else open_client(uri))
    return clients[0], clients[1], opened.experiment_id


def rows(file: Path) -> dict[str, list[tuple[Any, ...]]]:
    """All rows of all tables, sorted."""
    with contextlib.closing(sqlite3.connect(file)) as database:
        tables = [
            name
            for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
        ]
        return {
            table: sorted(database.execute(f'SELECT * FROM "{table}"').fetchall(), key=repr)
            for table in tables
        }


def known_as(content: dict[str, list[tuple[Any, ...]]], names: dict[str, str]) -> str:
    """The rows as text, with what is made up by chance under a name of its own."""
    text = "\n".join(f"{table} {row!r}" for table, found in content.items() for row in found)
    for identifier, name in names.items():
        text = text.replace(identifier, name)
    return "\n".join(sorted(text.splitlines()))


def do_everything(client: Any, experiment_id: str, folder: Path) -> str:
    """Do with a client what nw2v does, and what may happen to it; return the run's id."""
    made = entities(client)
    tags = {"mlflow.user": "me", "nw2v.host": "here", "loss": "negative_sampling"}
    run = client.create_run(experiment_id, start_time=1000, tags=tags, run_name="calm-heron")
    run_id: str = run.info.run_id
    assert (run.info.run_name, run.info.experiment_id) == ("calm-heron", experiment_id)
    client.log_batch(run_id, params=[made.Param(f"key{i}", str(i)) for i in range(100)])
    values = [
        ("train/loss", 2.5, 10, 100),
        ("train/loss", 2.0, 20, 200),
        ("train/loss", 2.0, 20, 200),  # the same again
        ("train/loss", 9.0, 30, 150),  # later, but of an earlier step
        ("grade", math.nan, 10, 100),
        ("whole", 3, 10, 100),
        ("endless", math.inf, 10, 100),
        ("endless below", -math.inf, 10, 100),
    ]
    client.log_batch(run_id, metrics=[made.Metric(*value) for value in values])
    client.log_batch(run_id, metrics=[made.Metric(*value) for value in values])  # sent again
    more = [("train/loss", 2.0, 20, 200), ("train/loss", 1.5, 40, 300), ("grade", 1.0, 50, 200)]
    client.log_batch(run_id, metrics=[made.Metric(*value) for value in more])
    client.log_batch(run_id, metrics=[made.Metric("train/loss", 7.0, 60, 250)])
    client.log_metric(run_id, "accuracy", 0.5, timestamp=70, step=3)
    client.set_tag(run_id, "failure", "none yet")
    client.set_tag(run_id, "failure", "the disk is full: ψ")
    dataset = made.Dataset(
        name="kjv", digest="0123", source_type="code", source="{}", profile='{"words": 1}'
    )
    given = made.DatasetInput(dataset, [made.InputTag("mlflow.data.context", "training")])
    client.log_inputs(run_id, [given])
    client.log_inputs(run_id, [given])
    client.set_terminated(run_id, "KILLED", end_time=2000)
    second = client.create_run(experiment_id, start_time=3000, run_name="ψ, no tags")
    client.log_inputs(second.info.run_id, [given])
    client.set_terminated(second.info.run_id, "FINISHED", end_time=4000)
    (folder / "vocabulary.tsv").write_text("the\t7\n", encoding="utf-8")
    client.log_artifact(run_id, str(folder / "vocabulary.tsv"), "model")
    client.log_artifact(run_id, str(folder / "vocabulary.tsv"))
    client.log_text(run_id, "seed: 1 # ψ\n", "config.yaml")
    client.log_text(run_id, "deep", "a/b/text.txt")
    return run_id


def test_the_rows_are_those_of_mlflow(pair, tmp_path):
    ours, theirs, experiment_id = pair
    before = rows(tmp_path / "ours.db")
    texts, files = [], []
    for client, name in ((ours, "ours"), (theirs, "mlflow")):
        run_id = do_everything(client, experiment_id, tmp_path)
        content = rows(tmp_path / f"{name}.db")
        made = {row[0] for row in content["runs"]} - {row[0] for row in before["runs"]}
        (second,) = made - {run_id}
        edges = {row[4]: row[0] for row in content["inputs"] if row[4] in made}
        names = {run_id: "RUN 1", second: "RUN 2", edges[run_id]: "EDGE 1"}
        names |= {edges[second]: "EDGE 2"}
        names |= {row[0]: "DATASET" for row in content["datasets"] if row[2:4] == ("kjv", "0123")}
        texts.append(known_as(content, names))
        folder = Path(theirs.get_experiment(experiment_id).artifact_location[7:]) / run_id
        files.append(
            {
                str(path.relative_to(folder)): (path.read_bytes(), path.stat().st_mode)
                for path in folder.rglob("*")
                if path.is_file()
            }
        )
    assert texts[0] == texts[1]
    assert len(texts[0].splitlines()) > len(known_as(before, {}).splitlines()) + 100
    assert files[0] == files[1]
    assert len(files[0]) == 4
    assert ours._mlflow is None  # what MLflow would have done was not left to it


def test_what_it_reads_is_what_mlflow_reads(pair, experiment):
    ours, theirs, experiment_id = pair
    for read in (
        lambda client: client.get_experiment(experiment_id),
        lambda client: client.get_experiment_by_name(experiment),
    ):
        here, there = read(ours), read(theirs)
        for name in here._fields:
            assert getattr(here, name) == getattr(there, name)
    assert ours.get_experiment_by_name("nobody") is None
    tags = {"nw2v.host": "here", "my": "tag"}
    running = ours.create_run(experiment_id, tags=tags, run_name="a").info.run_id
    ended = ours.create_run(experiment_id, tags=tags, run_name="b").info.run_id
    ours.create_run(experiment_id, tags={"nw2v.host": "elsewhere"}, run_name="c")
    ours.set_terminated(ended)
    found = ours.running(experiment_id, "nw2v.host", "here")
    assert found == {running: {**tags, "mlflow.runName": "a"}}
    assert ours.experiment_of_run(running) == experiment_id
    assert ours.experiment_of_run("f" * 32) is None
    # Methods of its own it has few: the others are MLflow's.
    assert ours.get_run(running).data.tags["my"] == "tag"
    made_up = ours.create_run(experiment_id)
    assert ours.get_run(made_up.info.run_id).info.run_name == made_up.info.run_name


def test_what_cannot_be_written_leaves_nothing(pair, tmp_path):
    ours, _, experiment_id = pair
    run_id = ours.create_run(experiment_id, run_name="a").info.run_id
    before = rows(tmp_path / "ours.db")
    metric, param = sqlite_client.Metric("loss", 1.0, 1, 1), sqlite_client.Param("a", "1")
    with pytest.raises(sqlite3.IntegrityError):
        ours.log_batch(run_id, metrics=[metric], params=[param, param])
    with pytest.raises(LookupError, match="not found"):
        ours.log_batch("f" * 32, metrics=[metric])
    with pytest.raises(OSError, match="gone"):
        ours.log_artifact(run_id, str(tmp_path / "gone"))
    assert rows(tmp_path / "ours.db") == before
    ours.delete_run(run_id)
    with pytest.raises(LookupError, match="was deleted"):
        ours.set_tag(run_id, "a", "b")
    with pytest.raises(Exception, match="No Experiment with id=999"):
        ours.create_run("999", run_name="a")
    (tmp_path / "ours.db").unlink()
    with pytest.raises(sqlite3.OperationalError):
        ours.set_tag(run_id, "a", "b")
    assert not (tmp_path / "ours.db").exists()


def test_which_stores_it_knows(pair, tmp_path, monkeypatch):
    file = tmp_path / "ours.db"
    uri = f"sqlite:///{file}"
    assert is_known(uri, file)
    assert not is_known(f"{uri}?timeout=5", file)
    assert not is_known(uri, tmp_path / "none.db")
    monkeypatch.setenv("MLFLOW_ENABLE_WORKSPACES", "true")
    assert not is_known(uri, file)
    monkeypatch.delenv("MLFLOW_ENABLE_WORKSPACES")
    with contextlib.closing(sqlite3.connect(file)) as database:
        database.execute("UPDATE alembic_version SET version_num = 'another'")
        database.commit()
    assert not is_known(uri, file)
    (tmp_path / "text.db").write_text("no database at all " * 100)
    assert not is_known(uri, tmp_path / "text.db")
    assert is_local("file:///a/b") and not is_local("s3://bucket/a") and not is_local("file:///a?b")


def test_experiments_are_those_of_mlflow(pair, tmp_path, experiment):
    ours, theirs, _ = pair
    tags = {"mlflow.note.content": "all of ψ", "my": "tag"}
    location = (tmp_path / "a folder").as_uri()
    identifiers = [
        client.create_experiment("another", artifact_location=location, tags=tags)
        for client in (ours, theirs)
    ]
    assert identifiers[0] == identifiers[1]
    assert ours._mlflow is None
    contents = [rows(tmp_path / f"{name}.db") for name in ("ours", "mlflow")]
    for content in contents:
        made = next(row for row in content["experiments"] if row[1] == "another")
        assert made[4] == made[5] > 1.7e12
        content["experiments"].remove(made)
        content["experiments"].append((*made[:4], *made[6:]))
    assert contents[0] == contents[1]
    # MLflow finds a place, and says what is wrong.
    with pytest.raises(Exception, match="already exists"):
        ours.create_experiment("another", artifact_location=location)
    with pytest.raises(Exception, match="Invalid experiment name"):
        ours.create_experiment("", artifact_location=location)
    placed = ours.get_experiment(ours.create_experiment("with a place of MLflow's choice"))
    assert placed.artifact_location


def test_an_experiment_that_another_process_makes_at_once_is_taken(pair, monkeypatch, tmp_path):
    ours, _, _ = pair
    location = tmp_path.as_uri()
    looks = iter([None])
    find = ours.get_experiment_by_name
    monkeypatch.setattr(ours, "get_experiment_by_name", lambda name: next(looks, find(name)))
    made = SqliteClient(ours._uri, tmp_path / "ours.db").create_experiment("twice", location)
    assert _experiment_by_name(ours, "twice", tmp_path).experiment_id == made
    assert ours._mlflow is None


def test_artifacts_elsewhere_are_left_to_mlflow(store_uri, experiment):
    client = open_client(store_uri)
    client.create_experiment(experiment, artifact_location="s3://bucket/runs")
    assert not isinstance(open_store(store_uri, experiment).client, SqliteClient)
    # Also where a run's parent leads there.
    ours = SqliteClient(store_uri, file_of(store_uri))
    run = ours.create_run(client.get_experiment_by_name(experiment).experiment_id, run_name="a")
    assert run.info.artifact_uri == f"s3://bucket/runs/{run.info.run_id}/artifacts"
    assert ours._mlflow is not None


def test_a_schema_that_is_not_known_is_left_to_mlflow(new_callback, monkeypatch):
    monkeypatch.setattr(sqlite_client, "KNOWN_SCHEMAS", frozenset())
    callback = new_callback(run_name="slow")
    with callback:
        callback.started(training_start(batch_windows=16))
        callback.log_metrics({"train/loss": 1.5}, 10)
    assert not isinstance(callback.store.client, SqliteClient)
    run = callback.store.client.get_run(callback.run_id)
    assert (run.info.status, run.info.run_name) == ("FINISHED", "slow")
    assert run.data.metrics == {"train/loss": 1.5}
    assert run.inputs.dataset_inputs[0].dataset.name == "kjv"
    assert run.data.params["dim"] == "3"
    assert {item.path for item in callback.store.client.list_artifacts(callback.run_id)} == {
        "config.yaml"
    }


_TRAIN = """
import sys
sys.path.insert(0, {root!r})
from tests.tracking.conftest import training_start
from nw2v.tracking.mlflow_callback import MlflowCallback
with MlflowCallback(uri={uri!r}, experiment={experiment!r}) as callback:
    callback.started(training_start())
    callback.log_metrics({{"train/loss": 1.5}}, 10)
print(callback.run_id, "mlflow" in sys.modules)
"""


def test_a_run_in_a_store_that_is_there_needs_no_mlflow(pair, store_uri, experiment):
    root = str(Path(__file__).parents[2])
    code = _TRAIN.format(root=root, uri=store_uri, experiment=experiment)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    run_id, imported = done.stdout.split()
    assert imported == "False"
    run = open_client(store_uri).get_run(run_id)
    assert (run.info.status, run.data.metrics) == ("FINISHED", {"train/loss": 1.5})
