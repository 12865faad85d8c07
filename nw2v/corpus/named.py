"""Corpora by name: each made once as a plain text file in the cache, whatever it comes from."""

from __future__ import annotations

import contextlib
import difflib
import importlib.metadata
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import IO

from nw2v.corpus import docstrings, downloads, kjv
from nw2v.corpus.cache import one_at_a_time
from nw2v.errors import InputError
from nw2v.files import write_atomically

Progress = Callable[[int, int], None]

ENTRY_POINT_GROUP = "nw2v.corpora"


@dataclass(frozen=True, slots=True)
class NamedText:
    """A named corpus as a file.

    Attributes
    ----------
    name : str
        Name of the corpus.
    path : Path
        UTF-8 text: lower-case words with spaces between, a sentence a line (or, where the text
        has no sentences, as text8, one long line).
    """

    name: str
    path: Path


@dataclass(frozen=True, slots=True)
class NamedCorpus:
    """How a corpus that has a name is made: what an entry point of "nw2v.corpora" refers to.

    The entry point's name is the corpus's name.

    Attributes
    ----------
    description : str
        What it is, in a few words.
    key : callable
        `key() -> str`, letters, digits, dots and hyphens: another whenever the text would be
        another (versions of what it is made of). Cheap, since it is asked for every time.
    write : callable
        `write(file, cache_dir, progress)` writes the text, UTF-8 bytes, into the open binary
        `file`; may keep what it downloads in `cache_dir / "downloads"`; calls
        `progress(done, total)` where that is not None.
    """

    description: str
    key: Callable[[], str]
    write: Callable[[IO[bytes], Path, Progress | None], None]


_OWN: dict[str, NamedCorpus] = {
    "docstrings": NamedCorpus(
        "documentation of Python and of the scientific packages installed beside nw2v, "
        "about 2.6 million words",
        docstrings.key,
        docstrings.write,
    ),
    "kjv": NamedCorpus(
        'the King James Bible, 0.8 million words (pip install "nw2v[kjv]")', kjv.key, kjv.write
    ),
}


def _own(name: str) -> NamedCorpus | None:
    # Looked up at each call, so that downloads.DOWNLOADS may be added to.
    if download := downloads.DOWNLOADS.get(name):
        return NamedCorpus(
            download.description, partial(downloads.key, name), partial(downloads.write, name)
        )
    return _OWN.get(name)


def corpus_names() -> list[str]:
    """Names that `materialise` knows: nw2v's own first, then those of other packages."""
    own = [*_OWN, *downloads.DOWNLOADS]
    others = {point.name for point in importlib.metadata.entry_points(group=ENTRY_POINT_GROUP)}
    return own + sorted(others.difference(own))


def named_corpus(name: str) -> NamedCorpus:
    """How the corpus `name` is made.

    Raises
    ------
    InputError
        If there is none of that name, or the package that offers it is broken.
    """
    corpus = _own(name)
    if corpus is not None:
        return corpus
    for point in importlib.metadata.entry_points(group=ENTRY_POINT_GROUP, name=name):
        try:
            loaded = point.load()
        except Exception as error:  # another package's code may fail in any way
            raise InputError(
                f"corpus {name}: cannot load the entry point {point.value} "
                f"({type(error).__name__}: {' '.join(str(error).split())})"
            ) from error
        if not isinstance(loaded, NamedCorpus):
            raise InputError(
                f"corpus {name}: the entry point {point.value} is a {type(loaded).__name__}, "
                "not a nw2v.corpus.named.NamedCorpus"
            )
        return loaded
    near = difflib.get_close_matches(name, corpus_names(), n=1)
    meant = f"did you mean {near[0]}? " if near else ""
    raise InputError(
        f"no corpus is named {name!r}; {meant}There are: {', '.join(corpus_names())}; "
        "for a text of your own use corpus=file corpus.path=FILE"
    )


def materialise(name: str, cache_dir: Path, progress: Progress | None = None) -> NamedText:
    """Give a named corpus as a text file, made now if the cache does not have it.

    Parameters
    ----------
    name : str
        One of `corpus_names()`.
    cache_dir : Path
        nw2v's cache folder; made if need be. The text is `named/<name>-<key>/text.txt` in it,
        complete or absent. Of jobs that want it at the same time one makes it, and the others
        wait.
    progress : callable, optional
        Called with (done, total) while the text is made: files read, or bytes.

    Raises
    ------
    InputError
        If there is no such corpus, what it is made of is missing (an extra, the network), its
        text would be empty, or the cache cannot be written.
    """
    corpus = named_corpus(name)
    cache_dir = Path(cache_dir)
    folder = cache_dir / "named" / f"{name}-{corpus.key()}"
    path = folder / "text.txt"
    if path.is_file():
        return NamedText(name, path)
    with one_at_a_time(folder):
        if not path.is_file():  # Another process may have made it by now.
            _write(corpus, name, path, cache_dir, progress)
    return NamedText(name, path)


def _write(
    corpus: NamedCorpus, name: str, path: Path, cache_dir: Path, progress: Progress | None
) -> None:
    folder = path.parent
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for left in folder.glob(f".{path.name}.*"):  # by processes that were killed
            left.unlink()
    except OSError as error:
        raise InputError(f"cannot write {folder}: {error.strerror or error}") from error
    try:
        with write_atomically(path) as file:
            corpus.write(file, cache_dir, progress)
            if not file.tell():
                raise InputError(f"corpus {name}: no text was found to make it of")
    except BaseException:
        with contextlib.suppress(OSError):  # something else may be in it
            folder.rmdir()
        raise
