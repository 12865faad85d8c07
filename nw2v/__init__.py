"""nw2v, the laboratory for word2vec."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nw2v.lazy_names import lazy_names

__version__ = "0.1.0"

if TYPE_CHECKING:
    from nw2v import sweeps
    from nw2v.api import Interrupted, Model, load, train
    from nw2v.corpus import Corpus, Tokenizer
    from nw2v.errors import InputError
    from nw2v.vectors import WordVectors

_HOMES = {
    "Corpus": "corpus",
    "InputError": "errors",
    "Interrupted": "api",
    "Model": "api",
    "Tokenizer": "corpus",
    "WordVectors": "vectors",
    "load": "api",
    "sweeps": "sweeps",
    "train": "api",
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
    "sweeps",
    "train",
]


__getattr__, __dir__ = lazy_names(__name__, _HOMES)
