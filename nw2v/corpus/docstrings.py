"""The corpus that is always there: the documentation of Python and of what nw2v stands on.

The sources are read, never imported, in worker processes. These are plain subprocesses that run
one file on the bare interpreter, not a multiprocessing pool: the start methods `spawn` and
`forkserver` run the caller's main module again (a script without an `if __name__ ==
"__main__"` guard would start workers without end, a notebook or `python -c` has no such module),
and `fork` is not safe once Numba or MLflow have started threads.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.metadata
import importlib.util
import json
import os
import platform
import queue
import subprocess
import sys
import sysconfig
import threading
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import IO

from nw2v.cores import available_cores
from nw2v.corpus import docstring_prose

Progress = Callable[[int, int], None]

# Part of the corpus's key: raise it with every change of this file or of docstring_prose.py
# that changes the text.
EXTRACTOR_VERSION = 1

# (package to read, distribution that brings it): what nw2v installs and that has a few thousand
# words of text, never what a developer may have beside it, so that users share one corpus.
PACKAGES: tuple[tuple[str, str], ...] = (
    ("numpy", "numpy"),
    ("scipy", "scipy"),
    ("pandas", "pandas"),
    ("sklearn", "scikit-learn"),
    ("matplotlib", "matplotlib"),
    ("mpl_toolkits", "matplotlib"),
    ("sqlalchemy", "SQLAlchemy"),
    ("mlflow", "mlflow"),
    ("numba", "numba"),
    ("llvmlite", "llvmlite"),
    ("pyarrow", "pyarrow"),
    ("narwhals", "narwhals"),
    ("joblib", "joblib"),
    ("skops", "skops"),
    ("pydantic", "pydantic"),
    ("fastapi", "fastapi"),
    ("starlette", "starlette"),
    ("flask", "Flask"),
    ("werkzeug", "Werkzeug"),
    ("jinja2", "Jinja2"),
    ("mako", "Mako"),
    ("click", "click"),
    ("alembic", "alembic"),
    ("aiohttp", "aiohttp"),
    ("anyio", "anyio"),
    ("requests", "requests"),
    ("urllib3", "urllib3"),
    ("gunicorn", "gunicorn"),
    ("attr", "attrs"),
    ("PIL", "pillow"),
    ("fontTools", "fonttools"),
    ("pyparsing", "pyparsing"),
    ("rich", "rich"),
    ("graphql", "graphql-core"),
    ("graphene", "graphene"),
    ("opentelemetry", "opentelemetry-sdk"),
    ("databricks", "databricks-sdk"),
    ("docker", "docker"),
    ("git", "GitPython"),
    ("google.auth", "google-auth"),
    ("google.oauth2", "google-auth"),
    ("google.protobuf", "protobuf"),
    ("pyasn1", "pyasn1"),
    ("dateutil", "python-dateutil"),
    ("packaging", "packaging"),
    ("hydra", "hydra-core"),
    ("omegaconf", "omegaconf"),
    ("pooch", "pooch"),
    ("tqdm", "tqdm"),
    ("threadpoolctl", "threadpoolctl"),
    ("zstandard", "zstandard"),
    ("pydantic_core", "pydantic_core"),
    ("gitdb", "gitdb"),
    ("smmap", "smmap"),
    ("prettytable", "prettytable"),
    ("markdown_it", "markdown-it-py"),
    ("contourpy", "contourpy"),
    ("platformdirs", "platformdirs"),
    ("typing_extensions", "typing_extensions"),
    ("cryptography", "cryptography"),
    ("cffi", "cffi"),
    ("pycparser", "pycparser"),
    ("idna", "idna"),
    ("huey", "huey"),
    ("sqlparse", "sqlparse"),
    ("importlib_metadata", "importlib_metadata"),
    ("uvicorn", "uvicorn"),
    ("itsdangerous", "itsdangerous"),
    ("blinker", "blinker"),
    ("charset_normalizer", "charset-normalizer"),
    ("yarl", "yarl"),
)

# Folders that hold no documentation of their own: tests, copies of other packages, generated code.
_LEFT_OUT = frozenset(
    {
        *("test", "tests", "idle_test", "site-packages", "dist-packages", "lib2to3"),
        *("_vendor", "vendor", "vendored", "_vendored", "extern", "externals", "_external"),
        *("protos", "_proto", "__pycache__"),
    }
)
_GENERATED_ENDINGS = ("_pb2.py", "_pb2_grpc.py")

# Clients generated from a specification say one thing of thousands of classes ("deserializes the
# ... from a dictionary"). Sentences of one form, the same but for some words in the middle, are
# taken this many times.
_MOST_OF_ONE_FORM = 20

# A worker starts in some 30 ms; below this many files they do not pay.
_FILES_WORTH_WORKERS = 64
_MOST_WORKERS = 16


def key() -> str:
    """Hexadecimal key of the text: versions of Python, of the packages found, of the extractor."""
    content = json.dumps([EXTRACTOR_VERSION, sorted(_versions(tuple(PACKAGES)).items())])
    return hashlib.sha256(content.encode()).hexdigest()[:16]


@lru_cache(maxsize=1)
def _versions(packages: tuple[tuple[str, str], ...]) -> dict[str, str]:
    """Ask for versions once a process: the jobs of a sweep would pay a tenth of a second each."""
    versions: dict[str, str] = {"python": platform.python_version()}
    for package, distribution in packages:
        if package_folders(package):
            try:
                versions[package] = importlib.metadata.version(distribution)
            except importlib.metadata.PackageNotFoundError:
                versions[package] = "unknown"
    return versions


def write(file: IO[bytes], cache_dir: Path, progress: Progress | None = None) -> None:
    """Write the corpus, a sentence a line; `cache_dir` is not needed."""
    for sentence in unique_sentences(source_files(), progress):
        file.write(f"{sentence}\n".encode())


def package_folders(package: str) -> list[Path]:
    """Where the sources of an importable package are, found without importing it.

    Parameters
    ----------
    package : str
        A package's name; with a dot, a part of a namespace package ("google.auth").

    Returns
    -------
    list of Path
        Folders, or the one file of a module; empty where it is not installed.
    """
    top, *parts = package.split(".")
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError):
        return []
    if spec is None:
        return []
    if spec.submodule_search_locations is None:
        return [Path(spec.origin)] if spec.origin and spec.origin.endswith(".py") else []
    folders = [Path(location, *parts) for location in spec.submodule_search_locations]
    return [folder for folder in folders if folder.is_dir()]


def source_files(packages: Sequence[str] | None = None) -> list[Path]:
    """Source files that are read, always in the same order.

    Parameters
    ----------
    packages : sequence of str, optional
        Packages to read; by default the standard library and all of `PACKAGES`.

    Returns
    -------
    list of Path
        Tests, copies of other packages and generated files are left out.
    """
    if packages is None:
        roots = [Path(sysconfig.get_path("stdlib"))]
        packages = [package for package, _ in PACKAGES]
    else:
        roots = []
    roots += [folder for package in packages for folder in package_folders(package)]
    return [path for root in roots for path in _files_under(root)]


def _files_under(root: Path) -> list[Path]:
    if root.is_file():
        return [root]
    found = []
    for folder, subfolders, names in os.walk(root):
        subfolders[:] = [name for name in subfolders if name not in _LEFT_OUT]
        found += [
            Path(folder, name)
            for name in names
            if name.endswith(".py") and not name.endswith(_GENERATED_ENDINGS)
        ]
    return sorted(found, key=lambda path: path.relative_to(root).as_posix())


def unique_sentences(
    files: Sequence[Path], progress: Progress | None = None, workers: int | None = None
) -> Generator[str, None, None]:
    """Sentences of the files' documentation strings, each only where it stands first.

    Of sentences that begin and end alike and are as long, only the first few are taken.

    Parameters
    ----------
    files : sequence of Path
        Python sources. One that cannot be read or parsed is left out.
    progress : callable, optional
        Called with (files done, files in all).
    workers : int, optional
        Worker processes; by default one a core that this process may use, none for few files.

    Yields
    ------
    str
        Lower-case words with a space between, in the order of the files, whatever the workers.
    """
    seen: set[str] = set()
    forms: Counter[tuple[int, str, str]] = Counter()
    for found in _sentences_by_file(files, progress, workers):
        for sentence in found:
            if sentence in seen:
                continue
            seen.add(sentence)
            words = sentence.split(" ")
            if len(words) > 4:
                form = (len(words), " ".join(words[:2]), " ".join(words[-2:]))
                forms[form] += 1
                if forms[form] > _MOST_OF_ONE_FORM:
                    continue
            yield sentence


def _sentences_by_file(
    files: Sequence[Path], progress: Progress | None, workers: int | None
) -> Iterator[list[str]]:
    if workers is None:
        enough = len(files) >= _FILES_WORTH_WORKERS
        workers = min(available_cores(), _MOST_WORKERS) if enough else 0
    started = _started_workers(min(workers, len(files)))
    if not started:
        seen: set[str] = set()
        for done, path in enumerate(files, start=1):
            yield docstring_prose.file_sentences(str(path), seen)
            if progress is not None:
                progress(done, len(files))
        return

    requests: queue.SimpleQueue[int] = queue.SimpleQueue()
    for index in range(len(files)):
        requests.put(index)
    answers: queue.SimpleQueue[tuple[int, list[str]] | Exception] = queue.SimpleQueue()
    threads = [
        threading.Thread(target=_converse, args=(worker, files, requests, answers), daemon=True)
        for worker in started
    ]
    try:
        for thread in threads:
            thread.start()
        waiting: dict[int, list[str]] = {}
        turn = 0
        for done in range(1, len(files) + 1):
            answer = answers.get()
            if isinstance(answer, Exception):
                raise answer
            waiting[answer[0]] = answer[1]
            if progress is not None:
                progress(done, len(files))
            while turn in waiting:
                yield waiting.pop(turn)
                turn += 1
    finally:
        for worker in started:
            worker.kill()
        for thread in threads:
            thread.join()
        for worker in started:
            worker.wait()
            for stream in (worker.stdin, worker.stdout):
                if stream is not None:
                    # What was still to be sent has no reader any more.
                    with contextlib.suppress(OSError):
                        stream.close()


def _started_workers(number: int) -> list[subprocess.Popen[bytes]]:
    """Worker processes; none where this interpreter cannot be started again (then do without)."""
    script = Path(docstring_prose.__file__)
    if not sys.executable or not script.is_file():
        return []
    # Isolated and without site: nothing of the caller's surroundings reaches the workers.
    command = [sys.executable, "-I", "-S", "-B", str(script)]
    started: list[subprocess.Popen[bytes]] = []
    try:
        for _ in range(number):
            started.append(
                subprocess.Popen(
                    command,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.DEVNULL,
                    # Ctrl-C is ours to answer, by ending the workers.
                    start_new_session=True,
                )
            )
    except OSError:
        return started
    return started


def _converse(
    worker: subprocess.Popen[bytes],
    files: Sequence[Path],
    requests: queue.SimpleQueue[int],
    answers: queue.SimpleQueue[tuple[int, list[str]] | Exception],
) -> None:
    """Give one worker a file after the other (in a thread, which only waits)."""
    assert worker.stdin is not None and worker.stdout is not None
    try:
        while True:
            try:
                index = requests.get_nowait()
            except queue.Empty:
                return
            worker.stdin.write(os.fsencode(files[index]) + b"\n")
            worker.stdin.flush()
            count = int(worker.stdout.readline() or -1)
            if count < 0:
                raise RuntimeError(f"no answer for {files[index]}")
            lines = [worker.stdout.readline().decode("utf-8") for _ in range(count)]
            answers.put((index, [line.rstrip("\n") for line in lines]))
    except (OSError, ValueError, RuntimeError) as error:
        problem = RuntimeError(f"a worker that read documentation strings ended: {error}")
        problem.__cause__ = error
        answers.put(problem)
