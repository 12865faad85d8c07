"""Files that are complete or absent: everything is written aside and renamed."""

from __future__ import annotations

import errno
import math
import os
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from nw2v.errors import InputError

_POLL_SECONDS = 0.05


@contextmanager
def write_atomically(path: str | os.PathLike[str], mode: str = "wb") -> Iterator[IO[Any]]:
    r"""Open a temporary file beside `path` that takes its place when the block ends well.

    Parameters
    ----------
    path : path-like
        The file to write. An existing one is replaced in one step, or left as it was.
    mode : {"wb", "w"}
        Binary, or text in UTF-8 with "\n" at the end of lines.

    Raises
    ------
    InputError
        If the folder does not exist or cannot be written.
    """
    path = Path(path)
    try:
        descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror or error}") from error
    text = {} if "b" in mode else {"encoding": "utf-8", "newline": "\n"}
    try:
        with os.fdopen(descriptor, mode, **text) as file:  # type: ignore[call-overload]
            yield file
        Path(temporary).chmod(0o666 & ~_umask())
        Path(temporary).replace(path)
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror or error}") from error
    finally:
        Path(temporary).unlink(missing_ok=True)


@contextmanager
def directory_written_aside(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Give a temporary folder beside `path` that is renamed to it when the block ends well.

    If another process made `path` in the meantime its folder stays and ours is dropped: both
    hold the same content, since the name of a cache folder says all that it depends on.

    Raises
    ------
    InputError
        If the parent folder cannot be written.
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{path.name}.", dir=path.parent))
    except OSError as error:
        raise InputError(f"cannot write {path}: {error.strerror or error}") from error
    try:
        yield temporary
        temporary.chmod(0o777 & ~_umask())
        try:
            temporary.rename(path)
        except OSError:
            if not path.is_dir():
                raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def cannot_write_folder(folder: Path | str, error: OSError) -> InputError:
    """Say in one line that an output folder cannot be written."""
    return InputError(f"cannot write the output folder {folder}: {error.strerror or error}")


def try_to_lock(descriptor: int) -> bool:
    """Try to lock an open file for this process alone; the lock ends with the process at last.

    Returns
    -------
    bool
        False while another process holds it. A file system without locks counts as success.
    """
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno in (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)
    return True


def take_lock(path: Path) -> int | None:
    """Try to lock a file that is there only to be locked, and is made for it.

    The lock is the operating system's: it ends with the process at the latest, and the file that a
    killed process leaves behind locks nobody out.

    Returns
    -------
    int or None
        What `return_lock` wants; None while another process or thread holds the lock.

    Raises
    ------
    OSError
        If the file cannot be made.
    """
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            if not try_to_lock(descriptor):
                os.close(descriptor)
                return None
            # Whoever held it before may have removed the file: then others lock a new one.
            if os.path.samestat(os.fstat(descriptor), path.stat()):
                return descriptor
        except FileNotFoundError:
            pass
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def return_lock(path: Path, descriptor: int) -> None:
    """Let others have the lock that `take_lock` gave, and remove its file."""
    try:
        if os.name != "nt":  # Windows does not remove an open file, nor need it.
            path.unlink(missing_ok=True)
    finally:
        os.close(descriptor)


@contextmanager
def exclusive(path: Path, patience: float = math.inf) -> Iterator[None]:
    """Hold a lock that one process or thread at a time can have, see `take_lock`.

    Parameters
    ----------
    path : Path
        The file that is locked.
    patience : float
        Seconds to wait for whoever has the lock.

    Raises
    ------
    TimeoutError
        When they are over.
    OSError
        If the file cannot be made.
    """
    deadline = time.monotonic() + patience
    while (descriptor := take_lock(path)) is None:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{path} has been locked for {patience:.0f} seconds")
        time.sleep(_POLL_SECONDS)
    try:
        yield
    finally:
        return_lock(path, descriptor)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
