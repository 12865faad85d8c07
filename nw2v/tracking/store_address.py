"""Where runs go: one rule for the address of the store, the experiment, and what is shown of them.

All of it follows from text, the environment and what the calling program told MLflow; nothing is
opened.
"""

from __future__ import annotations

import os
import re
import sys
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit, urlunsplit

from nw2v.errors import InputError

DEFAULT_FILE = "mlflow.db"
DEFAULT_EXPERIMENT = "nw2v"
ARTIFACT_FOLDER = "mlartifacts"
MLFLOWS_OWN = "MLflow's tracking URI"
# MLflow's pages open in their view for language-model applications unless the address says so.
_TRAINING_VIEW = "workflowType=machine_learning"

_SQLITE_ENDINGS = (".db", ".sqlite", ".sqlite3")
# What MLflow knows of itself; a database's may have a driver behind it ("mysql+pymysql").
_SCHEMES = ("sqlite", "postgresql", "mysql", "mssql", "http", "https", "databricks")
_OF_PLUGINS = "mlflow.tracking_store"
# The module that SQLAlchemy speaks to a database by, and the package that it is in.
_DRIVERS = {
    "postgresql": ("psycopg2", "psycopg2-binary"),
    "mysql": ("MySQLdb", "mysqlclient"),
    "mssql": ("pyodbc", "pyodbc"),
}
# Two characters would end or change the path within an address.
_ALL_BUT_TWO = "".join(chr(c) for c in range(32, 127) if chr(c) not in "%?")


def resolve_uri(
    uri: str | os.PathLike[str] | None = None,
    directory: Path | None = None,
    origin: str = "tracking.uri",
) -> str:
    """Return the absolute address of the store that runs go to.

    The first that is given: `uri` (the configuration's tracking.uri); the address that the
    calling program gave to `mlflow.set_tracking_uri`; the environment's MLFLOW_TRACKING_URI;
    the SQLite file mlflow.db in `directory`.

    Parameters
    ----------
    uri : str or path-like, optional
        An MLflow address (`sqlite:///FILE`, `https://...`, `postgresql://...`), or the path of
        an SQLite file.
    directory : Path, optional
        What relative paths are relative to; the working directory if not given.
    origin : str
        What an error calls the place where the user wrote `uri`.

    Raises
    ------
    InputError
        If the address is MLflow's old file store, a path that is no SQLite file, or of a kind
        that MLflow does not know.
    """
    directory = Path.cwd() if directory is None else directory.absolute()
    if uri is not None:
        return _absolute(os.fspath(uri), origin, directory)
    mlflow = sys.modules.get("mlflow")
    if mlflow is not None and getattr(mlflow, "is_tracking_uri_set", lambda: False)():
        return _absolute(mlflow.get_tracking_uri(), MLFLOWS_OWN, directory)
    if from_environment := os.environ.get("MLFLOW_TRACKING_URI"):
        return _absolute(from_environment, "MLFLOW_TRACKING_URI", directory)
    return _sqlite_uri(directory / DEFAULT_FILE)


def resolve_experiment(experiment: str | None = None) -> tuple[str | None, str | None]:
    """Return the name or the id (the other is None) of the experiment that runs go to.

    The first that is given: `experiment` (the configuration's tracking.experiment); the one that
    the calling program gave to `mlflow.set_experiment`; the environment's MLFLOW_EXPERIMENT_NAME
    or MLFLOW_EXPERIMENT_ID; "nw2v".
    """
    if experiment:
        return experiment, None
    fluent = sys.modules.get("mlflow.tracking.fluent")
    if active := getattr(fluent, "_active_experiment_id", None):
        return None, str(active)
    if name := os.environ.get("MLFLOW_EXPERIMENT_NAME"):
        return name, None
    if identifier := os.environ.get("MLFLOW_EXPERIMENT_ID"):
        return None, identifier
    return DEFAULT_EXPERIMENT, None


def check_driver(uri: str) -> None:
    """Look for the module that speaks to a database, where the address names no other one.

    Raises
    ------
    InputError
        If it is not installed.
    """
    kind = uri.partition(":")[0].lower()
    module, package = _DRIVERS.get(kind, (None, None))
    if module is not None and find_spec(module) is None:
        raise InputError(
            f"the MLflow store {readable(uri)} needs the Python module {module}: pip install "
            f"{package}, or name another driver ({kind}+DRIVER://...)"
        )


def is_server(uri: str) -> bool:
    """Return whether the store is a server that is reached over the network by HTTP."""
    return uri.startswith(("http://", "https://"))


def sqlite_file(uri: str) -> Path | None:
    """Return the file of an SQLite store, None for any other store."""
    if not uri.startswith("sqlite:///"):
        return None
    return Path(unquote(uri.removeprefix("sqlite:///").partition("?")[0]))


def artifact_folder(uri: str, directory: Path | None = None) -> Path | None:
    """Return where a store without a server keeps artifacts: mlartifacts/ beside its file.

    None for a server, which has a place of its own.
    """
    if file := sqlite_file(uri):
        return file.parent / ARTIFACT_FOLDER
    if is_server(uri) or uri.startswith("databricks"):
        return None
    return (directory or Path.cwd()).absolute() / ARTIFACT_FOLDER


def readable(uri: str) -> str:
    """Return the address as a user may see it: an SQLite file as its path, no passwords."""
    if file := sqlite_file(uri):
        return str(file)
    return without_password(uri)


def without_password(text: str) -> str:
    """Return the text; if it is an address with a password, with three stars in its place."""
    try:
        parts = urlsplit(text)
        if "://" not in text or parts.password is None:
            return text
    except ValueError:
        return text
    place = parts.netloc.rpartition("@")[2]
    return urlunsplit(parts._replace(netloc=f"{parts.username}:***@{place}"))


def page(uri: str, place: str) -> str:
    """Return the address of one of a server's pages for a browser, in the training view."""
    return f"{without_login(uri)}/#/{place}?{_TRAINING_VIEW}"


def without_login(uri: str) -> str:
    """Return a server's address as another address can be made of it, without a password."""
    parts = urlsplit(uri)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2])).rstrip("/")


def _absolute(uri: str, origin: str, directory: Path) -> str:
    """Return the address with absolute paths; `origin` says where the user wrote it."""
    text = uri.strip()
    scheme = re.match(r"([A-Za-z][A-Za-z0-9+.-]+):", text)  # one letter is a Windows drive
    if scheme is None and text not in ("databricks", "databricks-uc"):
        return _sqlite_uri_of_path(text, origin, directory)
    if scheme is not None and scheme[1].lower() == "file":
        raise InputError(
            f"{origin}={uri}: MLflow's file store is no longer supported by MLflow 3; give an "
            f"SQLite file such as sqlite:///{DEFAULT_FILE}, or the address of a server"
        )
    if scheme is not None and scheme[1].lower().startswith("sqlite"):
        path, _, options = text.partition(":///")[2].partition("?")
        if not path or path == ":memory:":
            raise InputError(
                f"{origin}={uri} is a store in memory, which is gone when the program ends; give "
                f"a file: sqlite:///{DEFAULT_FILE}"
            )
        absolute = _sqlite_uri(directory / unquote(path))
        return f"{absolute}?{options}" if options else absolute
    if scheme is not None and not _is_known(scheme[1].lower()):
        raise InputError(
            f"{origin}={without_password(uri)}: MLflow has no store of the kind "
            f"{scheme[1]!r}; give an SQLite file such as {DEFAULT_FILE}, or the address of a "
            "server such as https://HOST:5000"
        )
    return text.rstrip("/")


def _is_known(scheme: str) -> bool:
    """Return whether MLflow has stores of this kind, by itself or by a plugin."""
    if scheme.partition("+")[0] in _SCHEMES:
        return True
    from importlib.metadata import entry_points  # slow to import, and hardly ever needed

    return scheme in entry_points(group=_OF_PLUGINS).names


def _sqlite_uri_of_path(text: str, origin: str, directory: Path) -> str:
    path = directory / Path(text).expanduser()
    if path.is_dir() or path.suffix.lower() not in _SQLITE_ENDINGS:
        kind = "a folder" if path.is_dir() else "neither an address nor a .db file"
        old = " (MLflow's old file store is not supported)" if path.name == "mlruns" else ""
        raise InputError(
            f"{origin}={text} is {kind}{old}; give an SQLite file such as "
            f"{Path(text) / DEFAULT_FILE}, or the address of a server such as https://HOST:5000"
        )
    return _sqlite_uri(path)


def _sqlite_uri(path: Path) -> str:
    text = quote(os.path.normpath(path.absolute()).replace("\\", "/"), safe=_ALL_BUT_TWO)
    return f"sqlite:///{text}"
