"""Folders of flat arrays that outlive a run: written aside, renamed, checked, memory-mapped."""

from __future__ import annotations

import hashlib
import json
import mmap
import os
import shutil
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple

import numpy as np

from nw2v.corpus.freed_memory import give_back_freed_memory
from nw2v.corpus.reading import TextFile
from nw2v.errors import InputError
from nw2v.files import directory_written_aside, exclusive, write_atomically

FORMAT = 1  # raise it when what a folder holds, or how a text is read, changes
_MANIFEST = "manifest.json"
_STALE_SECONDS = 2 * 24 * 3600
# A file changed again within one tick of its file system's clock looks unchanged (FAT: 2 s).
_CLOCK_TICK_SECONDS = 2.0


class Arrays(NamedTuple):
    """The content of a folder: read-only memory-mapped arrays, and plain facts."""

    folder: Path
    arrays: dict[str, np.ndarray]
    facts: dict[str, Any]


class ArrayWriter:
    """Appends to flat arrays in a folder, and seals it with a manifest.

    A context manager: leaving it closes the files; only `seal` makes the folder valid.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._files: dict[str, Any] = {}
        self._arrays: dict[str, dict[str, Any]] = {}

    def append(self, name: str, values: np.ndarray) -> None:
        """Append `values` (n,) to the array `name`, which keeps the type of its first part."""
        with _cache_errors(self._folder):
            if name not in self._files:
                self._files[name] = (self._folder / name).open("wb")
                self._arrays[name] = {"dtype": values.dtype.name, "size": 0}
            if len(values):
                self._files[name].write(np.ascontiguousarray(values).data)
        self._arrays[name]["size"] += len(values)

    def seal(self, facts: Mapping[str, Any]) -> None:
        """Write the manifest: what a complete folder holds, and some facts."""
        with _cache_errors(self._folder):
            for file in self._files.values():
                file.close()
        manifest = {"format": FORMAT, "arrays": self._arrays, "facts": dict(facts)}
        with write_atomically(self._folder / _MANIFEST, "w") as file:
            json.dump(manifest, file, ensure_ascii=False, indent=1)

    def __enter__(self) -> ArrayWriter:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for file in self._files.values():
            with suppress(OSError):
                file.close()


@contextmanager
def _cache_errors(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise InputError(
            f"cannot write the cache in {folder.parent}: {error.strerror or error}; set NW2V_CACHE "
            "to another folder"
        ) from error


def open_arrays(folder: Path) -> Arrays | None:
    """Open a sealed folder, or give None if it is missing or damaged."""
    try:
        manifest = json.loads((folder / _MANIFEST).read_bytes())
        if manifest["format"] != FORMAT:
            return None
        arrays = {
            name: _mapped(folder / name, np.dtype(array["dtype"]), int(array["size"]))
            for name, array in manifest["arrays"].items()
        }
        return Arrays(folder, arrays, dict(manifest["facts"]))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


def open_or_make(folder: Path, make: Callable[[ArrayWriter], None]) -> Arrays:
    """Open a sealed folder; where it is missing or damaged, make it.

    Of several processes that want the same folder one makes it, and the others wait and open it.

    Parameters
    ----------
    folder : Path
        Its name says all that the content depends on.
    make : callable
        Writes the arrays and seals them.

    Raises
    ------
    InputError
        If it cannot be written or read back.
    """
    stored = open_arrays(folder)
    if stored is not None:
        return stored
    with one_at_a_time(folder):
        stored = open_arrays(folder)  # Another process may have made it by now.
        if stored is not None:
            return stored
        discard(folder)
        for left in folder.parent.glob(f".{folder.name}.*/"):  # by processes that were killed
            shutil.rmtree(left, ignore_errors=True)
        with directory_written_aside(folder) as aside, ArrayWriter(aside) as writer:
            make(writer)
        give_back_freed_memory()
        stored = open_arrays(folder)
    if stored is None:
        raise InputError(f"the cache folder {folder} cannot be read back: remove it")
    return stored


@contextmanager
def one_at_a_time(path: Path) -> Iterator[None]:
    """Wait until no other process makes `path`, then let the others wait for this one.

    They wait until the block or this process comes to an end, however it does.

    Raises
    ------
    InputError
        If nothing can be written beside it.
    """
    with ExitStack() as stack:
        with _cache_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            stack.enter_context(exclusive(path.with_name(f".{path.name}.lock")))
        yield


def _mapped(path: Path, dtype: np.dtype[Any], size: int) -> np.ndarray:
    if path.stat().st_size != size * dtype.itemsize:
        raise ValueError(f"{path} is not complete")
    if size == 0:
        empty = np.empty(0, dtype=dtype)
        empty.flags.writeable = False
        return empty
    return np.memmap(path, dtype=dtype, mode="r", shape=(size,)).view(np.ndarray)


def let_go(array: np.ndarray) -> None:
    """Give back the memory that holds a mapped array: what is read again comes from the file.

    Does nothing for other arrays, for those whose changes are not in the file, or where the system
    has no such call or refuses it.
    """
    mapped = _map_behind(array)
    if mapped is not None and mapped.mode != "c" and hasattr(mmap, "MADV_DONTNEED"):
        with suppress(OSError):  # pages that are locked in memory
            mapped._mmap.madvise(mmap.MADV_DONTNEED)  # type: ignore[attr-defined]


def file_of(array: np.ndarray) -> Path | None:
    """Tell which file an array that is mapped for reading has the whole content of, if one."""
    mapped = _map_behind(array)
    if mapped is None or mapped.filename is None or mapped.mode != "r" or mapped.offset != 0:
        return None
    whole = mapped.ctypes.data == array.ctypes.data and mapped.nbytes == array.nbytes
    same = whole and array.dtype == mapped.dtype and array.flags.c_contiguous
    return Path(mapped.filename) if same else None


def _map_behind(array: np.ndarray) -> np.memmap[Any, Any] | None:
    """Find the mapped array that an array is, or is a view of; of several, the first one made."""
    found: np.memmap[Any, Any] | None = None
    base: Any = array
    while isinstance(base, np.ndarray):
        if isinstance(base, np.memmap):
            found = base
        base = base.base
    return found


def cache_folder(cache_dir: str | os.PathLike[str] | None = None) -> Path:
    """Folder for what nw2v keeps between runs; it need not exist yet.

    Parameters
    ----------
    cache_dir : path-like, optional
        Where the caller wants it; else the environment variable NW2V_CACHE, else the system's
        place for caches (such as ~/.cache/nw2v).
    """
    if cache_dir is None:
        cache_dir = os.environ.get("NW2V_CACHE") or None
    if cache_dir is None:
        import platformdirs

        cache_dir = platformdirs.user_cache_dir("nw2v")
    return Path(cache_dir).expanduser().absolute()


def settings_key(*settings: Any) -> str:
    """32 hexadecimal digits that stand for plain values and the format of the cache."""
    text = json.dumps([FORMAT, sys.byteorder, *settings], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def is_writable(folder: Path) -> bool:
    """Whether `folder`, made if need be, takes new files (permission bits do not tell)."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


@contextmanager
def staging_folder(parent: Path) -> Iterator[Path]:
    """Give a folder in `parent` to write in while the final name is not known yet.

    What killed processes left there days ago is removed on the way.
    """
    for left in parent.glob(".building-*"):
        with suppress(OSError):
            if time.time() - left.stat().st_mtime > _STALE_SECONDS:
                shutil.rmtree(left, ignore_errors=True)
    staging = parent / f".building-{uuid.uuid4().hex}"
    with _cache_errors(staging):
        staging.mkdir(parents=True)
    try:
        yield staging
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def publish(staging: Path, folder: Path) -> Arrays:
    """Move a sealed folder to its final name; an intact one that is already there stays.

    Both would hold the same: the name says all that the content depends on.
    """
    opened = open_arrays(folder)
    if opened is None:
        discard(folder)
        with directory_written_aside(folder) as aside:
            for path in staging.iterdir():
                path.rename(aside / path.name)
        opened = open_arrays(folder)
    if opened is None:
        raise InputError(f"the cache folder {folder} cannot be read back: remove it and try again")
    return opened


def discard(folder: Path) -> None:
    """Remove a damaged folder in one step, so that nobody meets half of it."""
    aside = folder.with_name(f".building-{uuid.uuid4().hex}")
    with suppress(OSError):
        folder.rename(aside)
        shutil.rmtree(aside, ignore_errors=True)


class DigestMemo:
    """Remembers the content digest of texts whose files have not changed.

    Parameters
    ----------
    root : Path
        Folder with one small file a text.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    def recall(self, files: list[TextFile]) -> str | None:
        """Digest of these files when they had the same path, size, time and inode, or None."""
        if not all(file.regular for file in files):
            return None
        try:
            memo = json.loads(self._path(files).read_bytes())
            known = memo["files"] == _signature(files)
            return str(memo["digest"]) if known else None
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def remember(self, files: list[TextFile], digest: str) -> None:
        """Keep the digest, unless a file is so new that a change could go unseen."""
        newest = max(file.mtime_ns for file in files) / 1e9
        if not all(file.regular for file in files) or newest > time.time() - _CLOCK_TICK_SECONDS:
            return
        with suppress(OSError, InputError):
            self._root.mkdir(parents=True, exist_ok=True)
            with write_atomically(self._path(files), "w") as file:
                json.dump({"files": _signature(files), "digest": digest}, file)

    def _path(self, files: list[TextFile]) -> Path:
        paths = settings_key([os.fspath(file.path) for file in files])
        return self._root / f"{paths}.json"


def _signature(files: list[TextFile]) -> str:
    return settings_key(
        [[os.fspath(file.path), file.size, file.mtime_ns, file.inode] for file in files]
    )
