"""nw2v, the laboratory for word2vec."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

if TYPE_CHECKING:
    from nw2v.api import Interrupted, Model, load, train
    from nw2v.corpus import Corpus, Tokenizer
    from nw2v.errors import InputError
    from nw2v.vectors import WordVectors

# Public names and the modules that hold them: these import Numba and others, which takes a second,
# and are only imported when a name is first used.
_HOMES = {
    "Corpus": "nw2v.corpus",
    "InputError": "nw2v.errors",
    "Interrupted": "nw2v.api",
    "Model": "nw2v.api",
    "Tokenizer": "nw2v.corpus",
    "WordVectors": "nw2v.vectors",
    "load": "nw2v.api",
    "train": "nw2v.api",
}

__all__ = [
    "Corpus",
    "InputError",
    "Interrupted",
    "Model",
    "Tokenizer",
    "WordVectors",
    "__version__",
    "load",
    "train",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        from importlib import import_module

        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module 'nw2v' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
