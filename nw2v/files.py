"""Files that are complete or absent: everything is written aside and renamed."""

from __future__ import annotations

import errno
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from nw2v.errors import InputError


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


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
