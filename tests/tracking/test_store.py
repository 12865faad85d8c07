import contextlib
import http.server
import os
import socket
import sqlite3
import threading
from pathlib import Path

import pytest

from nw2v.errors import InputError
from nw2v.tracking import store
from nw2v.tracking.store import check_server, open_client, open_store
from nw2v.tracking.store_address import resolve_uri


def unused_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


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
