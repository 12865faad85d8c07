import sys
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path

import pytest

from nw2v.errors import InputError
from nw2v.tracking import store_address
from nw2v.tracking.store_address import (
    check_driver,
    page,
    readable,
    resolve_experiment,
    resolve_uri,
    sqlite_file,
    without_password,
)


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
            ("foo://bar", "MLflow has no store of the kind 'foo'; give an SQLite file"),
            ("foo://user:secret@bar", r"=foo://user:\*\*\*@bar: MLflow has no store"),
        ],
    )
    def test_what_cannot_be_a_store(self, given, message):
        with pytest.raises(InputError, match=message) as raised:
            resolve_uri(given)
        assert str(raised.value).startswith("tracking.uri=")
        assert "\n" not in str(raised.value)

    def test_stores_of_databases_and_plugins_are_known(self, monkeypatch):
        plugin = EntryPoint("foo", "package.module", "mlflow.tracking_store")
        plugins = {"mlflow.tracking_store": EntryPoints([plugin])}
        monkeypatch.setattr("importlib.metadata.entry_points", lambda *, group: plugins[group])
        for uri in ("foo://bar", "mysql+pymysql://host/name", "postgresql://host/name"):
            assert resolve_uri(uri) == uri

    def test_a_database_needs_its_driver(self, monkeypatch):
        asked: list[str] = []
        monkeypatch.setattr(store_address, "find_spec", asked.append)
        with pytest.raises(InputError) as raised:
            check_driver("mysql://user:secret@host/name")
        assert str(raised.value) == (
            "the MLflow store mysql://user:***@host/name needs the Python module MySQLdb: pip "
            "install mysqlclient, or name another driver (mysql+DRIVER://...)"
        )
        for uri in ("mysql+pymysql://host/name", "sqlite:////a.db", "https://host"):
            check_driver(uri)
        assert asked == ["MySQLdb"]

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
