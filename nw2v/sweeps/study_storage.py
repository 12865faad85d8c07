"""Where a study is kept: a journal file, or a database."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

from nw2v.errors import InputError

if TYPE_CHECKING:
    from optuna.storages import BaseStorage

JOURNAL_FILE = "optuna.journal"
_SQLITE_PATIENCE_SECONDS = 60


def need_optuna() -> None:
    """Find out whether Optuna is there.

    Raises
    ------
    InputError
        It is not.
    """
    for module in ("optuna", "cmaes"):
        try:
            import_module(module)
        except ImportError as error:
            raise InputError(
                f"hydra/sweeper=optuna needs Optuna ({error}): pip install 'nw2v[optuna]'"
            ) from error


@contextmanager
def open_storage(address: str) -> Iterator[BaseStorage]:
    """Open the storage of studies.

    Parameters
    ----------
    address : str
        The path of a journal file, made where there is none, or the address of a database.

    Raises
    ------
    InputError
        It cannot be opened.
    """
    import optuna

    if "://" not in address:
        yield _open_journal(Path(address))
        return
    connect = {"timeout": _SQLITE_PATIENCE_SECONDS} if address.startswith("sqlite") else {}
    try:
        database = optuna.storages.RDBStorage(address, engine_kwargs={"connect_args": connect})
    except Exception as error:  # of a driver that is not known here
        reason = str(error).strip().partition("\n")[0]
        raise InputError(f"hydra.sweeper.storage={address}: cannot be opened ({reason})") from error
    try:
        yield database
    finally:
        database.remove_session()
        database.engine.dispose()


def _open_journal(path: Path) -> BaseStorage:
    from optuna.storages import JournalStorage
    from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock

    # Elsewhere the lock is a link, which few users of Windows may make.
    lock = JournalFileOpenLock(str(path)) if sys.platform == "win32" else None
    try:
        return JournalStorage(JournalFileBackend(str(path), lock_obj=lock))
    except OSError as error:
        raise InputError(
            f"hydra.sweeper.storage={path}: cannot be opened ({error.strerror or error})"
        ) from error
    except (ValueError, KeyError) as error:
        raise InputError(
            f"hydra.sweeper.storage={path}: not a journal of Optuna ({error})"
        ) from error


def drop_half_line(journal: Path) -> None:
    """Cut off what a writer that was killed left at the end of a journal, short of a line.

    The next line would be appended to it, and the journal could never be read again. Call it only
    while nobody else writes.
    """
    if not journal.is_file():
        return
    content = journal.read_bytes()
    whole = content.rfind(b"\n") + 1
    if whole < len(content):
        with journal.open("r+b") as file:
            file.truncate(whole)
