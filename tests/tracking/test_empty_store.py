"""A new store that is copied is the one that MLflow would make."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from nw2v.tracking import sqlite_client
from nw2v.tracking.empty_store import copy_empty_store, keep_empty_store, kept_file
from nw2v.tracking.sqlite_client import SqliteClient, is_known
from nw2v.tracking.store import open_client, open_store

from .test_sqlite_client import rows


@pytest.fixture(scope="module")
def cache_and_first(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A cache in which an empty store is kept, and the store that MLflow made then."""
    folder = tmp_path_factory.mktemp("stores")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("NW2V_CACHE", str(folder / "cache"))
        return folder / "cache", make(folder / "first")


@pytest.fixture
def first(cache_and_first: tuple[Path, Path]) -> Path:
    """A store that MLflow made, of a schema that is known."""
    file = cache_and_first[1]
    if not is_known(address(file), file):
        pytest.skip("this MLflow makes a schema that its own client writes")
    return file


@pytest.fixture
def kept(cache_and_first: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Where the empty store is kept: in a cache of the test's own."""
    shutil.copytree(cache_and_first[0], tmp_path / "cache")
    monkeypatch.setenv("NW2V_CACHE", str(tmp_path / "cache"))
    file = kept_file()
    assert file is not None
    return file


def address(file: Path) -> str:
    return f"sqlite:///{file}"


def make(folder: Path) -> Path:
    """Let MLflow make a store."""
    folder.mkdir()
    open_client(address(folder / "mlflow.db"))
    return folder / "mlflow.db"


def test_a_copy_is_what_mlflow_makes(tmp_path, first, kept):
    assert rows(kept) == rows(first)
    second = tmp_path / "the second" / "mlflow.db"
    opened = open_store(address(second))
    assert isinstance(opened.client, SqliteClient)
    assert opened.client._mlflow is None
    made, copied = rows(first), rows(second)
    # The experiment that nw2v made has its row and its description, and the default one its place.
    default, ours = copied.pop("experiments")
    assert default[:4] == (0, "Default", f"{(second.parent / 'mlartifacts').as_uri()}/0", "active")
    (original,) = made.pop("experiments")
    assert default[4] == default[5] > original[4]
    assert original[:4] == (0, "Default", f"{(first.parent / 'mlartifacts').as_uri()}/0", "active")
    assert default[6:] == original[6:]
    assert ours[:4] == (1, "nw2v", (second.parent / "mlartifacts").as_uri(), "active")
    assert {row[2] for row in copied.pop("experiment_tags")} == {1}
    assert made.pop("experiment_tags") == []
    assert made == copied
    # MLflow takes it for its own, and writes it.
    client = open_client(address(second))
    run = client.create_run("0")
    assert run.info.artifact_uri.startswith(default[2])
    assert client.get_experiment_by_name("nw2v").experiment_id == "1"


@pytest.mark.parametrize("damage", ["cut short", "of another version", "gone"])
def test_without_a_whole_one_mlflow_makes_the_store(tmp_path, kept, damage, monkeypatch):
    if damage == "cut short":
        content = kept.read_bytes()
        kept.write_bytes(content[: len(content) // 2])
    elif damage == "gone":
        kept.unlink()
    else:
        monkeypatch.setattr(sqlite_client, "KNOWN_SCHEMAS", frozenset())
    file = tmp_path / "mlflow.db"
    assert not copy_empty_store(file, tmp_path)
    assert not file.exists()
    assert open_store(address(file)).experiment == "nw2v"
    if damage == "of another version":
        return
    # That one is kept.
    assert copy_empty_store(tmp_path / "again.db", tmp_path)


def test_only_an_empty_store_is_kept(tmp_path, first, kept):
    kept.unlink()
    keep_empty_store(first)
    assert kept.is_file()
    kept.unlink()
    filled = tmp_path / "filled.db"
    shutil.copyfile(first, filled)
    open_store(address(filled))
    keep_empty_store(filled)
    assert not kept.exists()


def test_a_cache_that_cannot_be_written_is_no_harm(first, kept):
    shutil.rmtree(kept.parent)
    kept.parent.write_text("not a folder")
    keep_empty_store(first)
    assert kept.parent.read_text() == "not a folder"


@pytest.mark.usefixtures("first", "kept")
def test_with_workspaces_mlflow_makes_the_store(tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_ENABLE_WORKSPACES", "true")
    assert not copy_empty_store(tmp_path / "mlflow.db", tmp_path)
    monkeypatch.delenv("MLFLOW_ENABLE_WORKSPACES")
    assert copy_empty_store(tmp_path / "mlflow.db", tmp_path)


_OPEN = """
import sys
from nw2v.tracking.store import open_store
print(open_store({uri!r}).experiment_id, "mlflow" in sys.modules)
"""


@pytest.mark.usefixtures("first", "kept")
def test_a_new_store_needs_no_mlflow(tmp_path):
    # Two at once: the first makes it, and both have the same experiment.
    code = _OPEN.format(uri=address(tmp_path / "new" / "mlflow.db"))
    processes = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    assert [process.communicate()[0].split() for process in processes] == [["1", "False"]] * 2
