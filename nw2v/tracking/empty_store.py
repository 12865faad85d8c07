"""New SQLite stores, copied from an empty one that MLflow made once.

MLflow makes a store by its dozens of migrations and the import of their tools: 5 seconds of a
core, more than many a training. What comes of it is the same for each version of MLflow, but for
the place of its artifacts and the time. So the first one is kept in the cache, and the next ones
are copies.
"""

from __future__ import annotations

import logging
import sqlite3
import time
from contextlib import closing
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from nw2v.corpus.cache import cache_folder
from nw2v.errors import InputError
from nw2v.files import write_atomically
from nw2v.tracking.sqlite_client import is_known

_log = logging.getLogger(__name__)

_PROBLEMS = (OSError, InputError, sqlite3.Error)


def kept_file() -> Path | None:
    """Return where the empty store of the installed version of MLflow is kept, or will be."""
    try:
        return cache_folder() / "mlflow" / f"empty-{version('mlflow')}.db"
    except PackageNotFoundError:
        return None


def copy_empty_store(file: Path, artifacts: Path) -> bool:
    """Make a new store as a copy of the empty one, if that is kept.

    Parameters
    ----------
    file : Path
        Where nothing is yet. In the end the store is there as a whole or not at all.
    artifacts : Path
        The folder of its artifacts.

    Returns
    -------
    bool
        Whether the store was made. What speaks against it is left to MLflow to tell.
    """
    kept = kept_file()
    if kept is None or not is_known(f"sqlite:///{kept}", kept):
        return False
    try:
        with closing(sqlite3.connect(":memory:")) as database:
            database.deserialize(kept.read_bytes())
            (state,) = database.execute("PRAGMA quick_check(1)").fetchone()
            if state != "ok":
                raise sqlite3.DatabaseError(state)
            now = time.time_ns() // 1_000_000
            with database:
                database.execute(
                    "UPDATE experiments SET artifact_location = ?, creation_time = ?,"
                    " last_update_time = ?",
                    (f"{artifacts.as_uri()}/0", now, now),
                )
            content = database.serialize()
        with write_atomically(file) as new:
            new.write(content)
    except _PROBLEMS as error:
        _log.debug("the empty MLflow store %s cannot be copied to %s: %s", kept, file, error)
        return False
    return True


def keep_empty_store(file: Path) -> None:
    """Keep a copy of a store that MLflow has just made; where that cannot be, nothing is lost.

    Parameters
    ----------
    file : Path
        The store. Nothing is in it yet but MLflow's own experiment "Default".
    """
    kept = kept_file()
    if kept is None or not is_known(f"sqlite:///{file}", file):
        return
    try:
        with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as database:
            filled = database.execute("SELECT count(*) FROM experiments").fetchone() != (1,)
            content = database.serialize()
        if not filled:
            kept.parent.mkdir(parents=True, exist_ok=True)
            with write_atomically(kept) as copy:
                copy.write(content)
    except _PROBLEMS as error:
        _log.debug("the empty MLflow store cannot be kept in %s: %s", kept, error)
