"""Compiled code kept in files: one for each piece, which cannot be taken for another one.

Numba keeps an index file for each function, which says what signature is in which numbered file.
Each file is written aside and renamed, but the two do not belong together in any other way: two
processes that compile the same function for two signatures at once (two jobs of a sweep over
`model.dim`) give both the same number, and one later runs the code of the other; a process that is
killed between the two writes leaves an index that names old code; and an index that was cut off
(a full disk, a crash of the machine) stops every start. So the files here need no index. The name
of each is a digest of all that its code depends on, its first bytes are a digest of the rest, and
what is wrong with it is as if it were not there.
"""

from __future__ import annotations

import contextlib
import glob
import hashlib
import pickle
import re
import time
import uuid
import warnings
from collections.abc import Callable
from functools import cache, wraps
from pathlib import Path
from typing import Any, NamedTuple

import llvmlite
import numba
from numba.core import config
from numba.core.caching import FunctionCache
from numba.core.compiler_lock import global_compiler_lock
from numba.core.event import trigger_event
from numba.core.serialize import dumps

from nw2v.files import return_lock, take_lock

_DIGEST_BYTES = 16
# What a process waits for another one that compiles the same: longer than any compilation takes.
_PATIENCE_SECONDS = 120.0
_POLL_SECONDS = 0.02

_PACKAGE = Path(__file__).parents[1]
# Rooms at the end of the house: no code of theirs is compiled, nor imported by any that is.
WITHOUT_COMPILED_CODE = ("cli", "comparison", "plots", "reports", "sweeps", "tracking")


class KernelCache(FunctionCache):
    """Where the compiled code of one function is kept.

    Safe are: any number of processes that compile at once, with whatever signatures and numbers
    of threads (the code does not depend on them: nothing that is cached is compiled with
    `parallel=True`); processes that are killed at any time; kinds of CPU that share a folder, since
    what the CPU can do is part of the key; files that were damaged; a folder that is full or cannot
    be written, which costs the compilation at every start, and a warning.

    Of several processes that miss the same piece of code one compiles it, and the others wait.

    Parameters
    ----------
    function : callable

    Raises
    ------
    RuntimeError
        If no folder can be written to: neither NUMBA_CACHE_DIR, nor `__pycache__` beside the
        source, nor the user's own cache folder.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        super().__init__(function)
        sources = (self._impl.locator.get_source_stamp(), _package_stamp().digest)
        self._files = CodeFiles(Path(self._cache_path), self._impl.filename_base, sources)
        self._cache_file: Any = self._files

    def is_empty(self) -> bool:
        """Whether no code of the function is kept, as its sources are now."""
        return not self._files.exist()

    def _load_overload(self, signature: Any, target: Any) -> Any:
        if not self._enabled:
            return None
        key = self._index_key(signature, target.codegen())
        compiled = self._load(key, target)
        if compiled is None and self._files.claim(key):
            compiled = self._load(key, target)  # Another process may have compiled it by now.
        return compiled

    def _load(self, key: tuple[Any, ...], target: Any) -> Any:
        data = self._files.load(key)
        if data is not None:
            # What a digest cannot show: code that needs a library which is no longer there.
            with contextlib.suppress(Exception):
                return self._impl.rebuild(target, data)
        return None

    def save_overload(self, signature: Any, data: Any) -> None:
        """Keep what was compiled, if that can be done.

        Not where a source file has changed since this process began: it may have been read before
        or after that.
        """
        try:
            if _times_of_sources() == _package_stamp().times:
                super().save_overload(signature, data)
        except OSError as error:
            _warn_once(f"{self._cache_path}: {error.strerror or error}")

    def released_after(self, compile_signature: Callable[..., Any]) -> Callable[..., Any]:
        """Let others that wait for the function go on, however its compilation ends."""

        @wraps(compile_signature)
        def compiled(signature: Any) -> Any:
            # Claims of other threads are safe: only one of them compiles at a time.
            with global_compiler_lock:
                try:
                    return compile_signature(signature)
                finally:
                    self._files.release()

        return compiled


def kernel_cache(function: Callable[..., Any]) -> KernelCache | None:
    """Return the cache of a function, None with a warning if there is no folder for its files."""
    try:
        return KernelCache(function)
    except (RuntimeError, OSError):
        _warn_once("no folder for it can be written")
        return None


class CodeFiles:
    """The files with the compiled code of one function, a file for each key.

    Parameters
    ----------
    folder : Path
    base : str
        What the names of the files begin with: the function, its line and the version of Python.
    sources : object
        Stands for all sources that the code is made from, by its `repr`.
    """

    def __init__(self, folder: Path, base: str, sources: Any) -> None:
        self._folder, self._base, self._sources = folder, base, sources
        self._edition = _short_digest(sources)
        self._claims: dict[str, int] = {}

    def path(self, key: tuple[Any, ...]) -> Path:
        """Return the file for a key."""
        # Names of functions among the types may hold addresses, which differ with each process.
        name = _short_digest(re.sub(r" at 0x[0-9a-f]+", "", repr((key, _compiler()))))
        return self._folder / f"{self._base}.{self._edition}.{name}.nbc"

    def exist(self) -> bool:
        """Whether there is a file for any key."""
        pattern = f"{glob.escape(f'{self._base}.{self._edition}')}.*.nbc"
        return any(True for _ in self._folder.glob(pattern))

    def load(self, key: tuple[Any, ...]) -> Any:
        """Return what was saved under a key, None if nothing is there or it is damaged."""
        try:
            content = self.path(key).read_bytes()
            digest, body = content[:_DIGEST_BYTES], content[_DIGEST_BYTES:]
            if digest != hashlib.blake2b(body, digest_size=_DIGEST_BYTES).digest():
                return None
            # As Numba does: whoever can write into the folder can also change the program.
            made_from, saved_key, data = pickle.loads(body)
        except Exception:
            return None
        return data if (made_from, saved_key) == (self._made_from, key) else None

    def save(self, key: tuple[Any, ...], data: Any) -> None:
        """Save under a key, aside and renamed; files of older sources go.

        Raises
        ------
        OSError
            If that cannot be done.
        """
        body = dumps((self._made_from, key, data))
        path = self.path(key)
        temporary = path.with_name(f"{path.name}.tmp{uuid.uuid4().hex}")
        try:
            with temporary.open("xb") as file:
                file.write(hashlib.blake2b(body, digest_size=_DIGEST_BYTES).digest())
                file.write(body)
            temporary.replace(path)
        except OSError:
            with contextlib.suppress(OSError):
                temporary.unlink()
            raise
        self._remove_older()

    def flush(self) -> None:
        """Remove all files of the function."""
        self._remove(lambda name: True)

    @property
    def _made_from(self) -> tuple[Any, ...]:
        return self._sources, _compiler()

    def _remove_older(self) -> None:
        """Remove what was made from other sources, and what killed processes left."""
        yesterday = time.time() - 86400

        def is_older(path: Path) -> bool:
            if f".{self._edition}." not in path.name:
                return True
            return not path.name.endswith(".nbc") and path.stat().st_mtime < yesterday

        self._remove(is_older)

    def _remove(self, wanted: Callable[[Path], bool]) -> None:
        # The base is NAME-LINE.VERSION; the line may have been another one, in Numba's own files
        # as well, which an older nw2v left.
        name, _, rest = self._base.rpartition("-")
        version = rest.partition(".")[2]
        pattern = f"{glob.escape(name)}-*.{glob.escape(version)}.*nb[ic]*"
        for found in self._folder.glob(pattern):
            with contextlib.suppress(OSError):
                if wanted(found):
                    found.unlink()

    def claim(self, key: tuple[Any, ...]) -> bool:
        """Wait until no other process compiles the code for a key; then others wait for this one.

        They wait until `release` is called or this process comes to an end, however it does: the
        lock is the operating system's.

        Returns
        -------
        bool
            Whether to look again for what the others have compiled.
        """
        path = self._lock_path(key)
        if path.name in self._claims:
            return False
        claimed = self._claim_now(path)
        if claimed is not None:
            return claimed
        with trigger_event("numba:compile"):  # for those who wait it is as if this one compiled
            deadline = time.monotonic() + _PATIENCE_SECONDS
            while time.monotonic() < deadline and claimed is None:
                time.sleep(_POLL_SECONDS)
                claimed = self._claim_now(path)
        return claimed is not False

    def _claim_now(self, path: Path) -> bool | None:
        """Lock a file: whether that was done, None if another process has it."""
        try:
            descriptor = take_lock(path)
        except OSError:
            return False
        if descriptor is None:
            return None
        self._claims[path.name] = descriptor
        return True

    def release(self) -> None:
        """Let others that wait for what this process has claimed go on."""
        while self._claims:
            name, descriptor = self._claims.popitem()
            with contextlib.suppress(OSError):
                return_lock(self._folder / name, descriptor)

    def _lock_path(self, key: tuple[Any, ...]) -> Path:
        path = self.path(key)
        return path.with_name(f"{path.name}.lock")


def _short_digest(what: Any) -> str:
    return hashlib.blake2b(repr(what).encode(), digest_size=10).hexdigest()


class _Stamp(NamedTuple):
    """The sources as they were when this process first asked for them."""

    digest: str  # of their content
    times: tuple[tuple[str, int, int], ...]  # see `_times_of_sources`


@cache
def _package_stamp() -> _Stamp:
    """Digest every source file that could reach compiled code.

    Numba looks at the file of the function alone: a kernel would stay as it was when a primitive
    that is compiled into it changes in another file. The content counts, not the time: images and
    archives do not keep times exactly.
    """
    times = _times_of_sources()
    digest = hashlib.blake2b(digest_size=16)
    for path in _source_files():
        content = hashlib.blake2b(path.read_bytes(), digest_size=16).hexdigest()
        digest.update(f"{path.relative_to(_PACKAGE)} {content}\n".encode())
    return _Stamp(digest.hexdigest(), times)


def _times_of_sources() -> tuple[tuple[str, int, int], ...]:
    """Tell when each source file was last written, and its size."""
    stats = ((path, path.stat()) for path in _source_files())
    return tuple((str(path), stat.st_mtime_ns, stat.st_size) for path, stat in stats)


def _source_files() -> list[Path]:
    files = ((path, path.relative_to(_PACKAGE)) for path in sorted(_PACKAGE.rglob("*.py")))
    return [path for path, place in files if place.parts[0] not in WITHOUT_COMPILED_CODE]


@cache
def _compiler() -> tuple[Any, ...]:
    """Return what of the compiler and its settings the code depends on."""
    settings = ("OPT", "BOUNDSCHECK", "LOOP_VECTORIZE", "SLP_VECTORIZE", "USING_SVML")
    return (
        numba.__version__,
        llvmlite.__version__,
        *(str(getattr(config, name, None)) for name in settings),
    )


@cache
def _warn_once(reason: str) -> None:
    warnings.warn(
        f"compiled code cannot be kept ({reason}): each start compiles again; name a folder that "
        "can be written in NUMBA_CACHE_DIR",
        RuntimeWarning,
        stacklevel=2,
    )
