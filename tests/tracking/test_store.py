import contextlib
import http.server
import os
import socket
import sqlite3
import sys
import threading
from pathlib import Path

import pytest

from nw2v.errors import InputError
from nw2v.tracking import store
from nw2v.tracking.store import (
    check_server,
    open_client,
    open_store,
    page,
    readable,
    resolve_experiment,
    resolve_uri,
    sqlite_file,
    without_password,
)


def unused_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@pytest.fixture
def no_mlflow(monkeypatch):
    """As in a program that has not imported MLflow."""
    monkeypatch.delitem(sys.modules, "mlflow", raising=False)
    monkeypatch.delitem(sys.modules, "mlflow.tracking.fluent", raising=False)


@pytest.mark.usefixtures("no_mlflow")
class TestResolveUri:
    def test_the_default_is_a_file_in_the_working_directory(self, tmp_path):
        assert resolve_uri() == f"sqlite:///{tmp_path}/mlflow.db"

    def test_the_environment_comes_before_the_default(self, monkeypatch, tmp_path):
        monkeypatch.setenv("MLFLOW_TRACKING_URI", "sqlite:///runs/a.db")
        assert resolve_uri() == f"sqlite:///{tmp_path}/runs/a.db"

    def test_what_is_given_comes_before_the_environment(self, monkeypatch):
        monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://elsewhere:5000")
        assert resolve_uri("https://here.example/mlflow/") == "https://here.example/mlflow"

    @pytest.mark.parametrize(
        ("given", "expected"),
        [
            ("runs/mlflow.db", "sqlite:///{cwd}/runs/mlflow.db"),
            ("../x.sqlite", "sqlite:///{parent}/x.sqlite"),
            ("/data/my runs.db", "sqlite:////data/my runs.db"),
            ("sqlite:///x.db", "sqlite:///{cwd}/x.db"),
            ("sqlite:///x.db?timeout=5", "sqlite:///{cwd}/x.db?timeout=5"),
            ("sqlite:////data/x.db", "sqlite:////data/x.db"),
            ("postgresql://u:p@db/mlflow", "postgresql://u:p@db/mlflow"),
            ("databricks", "databricks"),
        ],
    )
    def test_addresses_become_absolute(self, given, expected, tmp_path):
        assert resolve_uri(given) == expected.format(cwd=tmp_path, parent=tmp_path.parent)

    def test_characters_with_a_meaning_in_addresses(self, tmp_path):
        uri = resolve_uri("50%25 a?b.db")
        assert sqlite_file(uri) == tmp_path / "50%25 a?b.db"
        assert resolve_uri(uri) == uri

    @pytest.mark.parametrize(
        ("given", "message"),
        [
            ("file:///tmp/mlruns", "file store is no longer supported"),
            ("mlruns", "file store is not supported"),
            (
                "runs",
                "neither an address nor a .db file; give an SQLite file such as runs/mlflow.db",
            ),
            (".", "is a folder"),
            ("sqlite://", "a store in memory"),
            ("sqlite:///:memory:", "a store in memory"),
        ],
    )
    def test_what_cannot_be_a_store(self, given, message):
        with pytest.raises(InputError, match=message) as raised:
            resolve_uri(given)
        assert str(raised.value).startswith("tracking.uri=")
        assert "\n" not in str(raised.value)

    def test_the_message_names_the_environment_variable(self, monkeypatch):
        monkeypatch.setenv("MLFLOW_TRACKING_URI", "file:./mlruns")
        with pytest.raises(InputError, match=r"MLFLOW_TRACKING_URI=file:\./mlruns"):
            resolve_uri()

    def test_experiment(self, monkeypatch):
        assert resolve_experiment() == ("nw2v", None)
        monkeypatch.setenv("MLFLOW_EXPERIMENT_ID", "12")
        assert resolve_experiment() == (None, "12")
        monkeypatch.setenv("MLFLOW_EXPERIMENT_NAME", "from environment")
        assert resolve_experiment() == ("from environment", None)
        assert resolve_experiment("given") == ("given", None)


def test_the_calling_programs_own_settings_are_followed(monkeypatch, tmp_path, store_uri):
    import mlflow

    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://elsewhere:5000")
    monkeypatch.setattr(mlflow.tracking._tracking_service.utils, "_tracking_uri", store_uri)
    assert resolve_uri() == store_uri
    monkeypatch.setattr(mlflow.tracking.fluent, "_active_experiment_id", "34")
    assert resolve_experiment() == (None, "34")


def test_passwords_are_not_shown():
    assert readable("postgresql://me:secret@db:5432/x") == "postgresql://me:***@db:5432/x"
    assert readable("sqlite:////data/x.db") == str(Path("/data/x.db"))
    for text in ("http://[", "a@b", "no address: me:secret@db", "http://host/?q=a:b@c"):
        assert without_password(text) == text
    assert page("http://me:secret@host/mlflow", "x") == (
        "http://host/mlflow/#/x?workflowType=machine_learning"
    )


def test_a_server_that_is_not_there():
    port = unused_port()
    with pytest.raises(InputError, match=f"127.0.0.1:{port} does not work .*refused.*start it"):
        open_client(f"http://127.0.0.1:{port}")


@contextlib.contextmanager
def answering(status: int):
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *arguments):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def test_a_server_that_does_not_work():
    with answering(503) as uri, pytest.raises(InputError, match="it answers 503"):
        check_server(uri)


def test_a_server_that_asks_for_a_login_is_there():
    with answering(401) as uri:
        check_server(uri)


def test_a_server_that_is_not_mlflows():
    with answering(404) as uri, pytest.raises(InputError, match="cannot use the MLflow store"):
        open_store(uri)


def test_a_file_that_is_not_a_store(tmp_path):
    (tmp_path / "text.db").write_text("no database at all, but long enough to be looked at" * 20)
    with pytest.raises(InputError, match="not a database"):
        open_client(resolve_uri("text.db"))
    with contextlib.closing(sqlite3.connect(tmp_path / "other.db")) as database:
        database.execute("CREATE TABLE accounts (id INTEGER)")
    with pytest.raises(InputError, match="an SQLite database, but not MLflow's"):
        open_client(resolve_uri("other.db"))


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written(tmp_path):
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(InputError, match="cannot write beside the MLflow store"):
            open_client(resolve_uri())
    finally:
        tmp_path.chmod(0o700)


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="cannot make the folder of the MLflow store"):
        open_client(resolve_uri("file/mlflow.db"))


def test_an_experiment_is_made_once_and_keeps_its_artifacts_beside_the_store(store_uri, experiment):
    first = open_store(store_uri, experiment)
    second = open_store(store_uri, experiment)
    assert first.experiment_id == second.experiment_id
    location = first.client.get_experiment(first.experiment_id).artifact_location
    assert location == (Path(store_uri.removeprefix("sqlite:///")).parent / "mlartifacts").as_uri()
    default = first.client.get_experiment("0").artifact_location
    assert default.startswith(location)


def test_experiments_that_are_not_there(store_uri, experiment):
    with pytest.raises(InputError, match="no MLflow experiment with the id '999'"):
        open_store(store_uri, experiment_id="999")
    opened = open_store(store_uri, experiment)
    opened.client.delete_experiment(opened.experiment_id)
    with pytest.raises(InputError, match=f"'{experiment}' in .* was deleted"):
        open_store(store_uri, experiment)


def test_a_store_of_another_version(monkeypatch, store_uri):
    import mlflow

    def refuse(**options):
        raise mlflow.MlflowException("Detected out-of-date database schema (found version x, ...)")

    monkeypatch.setattr(mlflow, "MlflowClient", refuse)
    with pytest.raises(
        InputError, match=r"another version of MLflow.*'mlflow db upgrade sqlite:///"
    ):
        open_client(store_uri)


def test_opening_leaves_nothing_but_the_store(store_uri):
    open_client(store_uri)
    names = {path.name for path in Path(store_uri.removeprefix("sqlite:///")).parent.iterdir()}
    assert names <= {"mlflow.db", "mlartifacts"}


def test_waiting_for_the_lock_ends(monkeypatch, tmp_path):
    monkeypatch.setattr(store, "_LOCK_SECONDS", 0.1)
    with (
        store._exclusive(tmp_path / "x.db"),
        pytest.raises(InputError, match="another process has been opening"),
        store._exclusive(tmp_path / "x.db"),
    ):
        pass


def test_mlflows_variables_are_put_back(monkeypatch):
    name = "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT"
    monkeypatch.delenv(name, raising=False)
    with store.quiet_mlflow():
        assert os.environ[name] == "true"
    assert name not in os.environ
    monkeypatch.setenv(name, "false")
    with store.quiet_mlflow():
        pass
    assert os.environ[name] == "false"
