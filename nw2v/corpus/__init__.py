"""Text to sentences, vocabulary, encoded token ids and co-occurrence counts.

The names below are imported when first used: a vocabulary can be loaded without a compiler.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from nw2v.lazy_names import lazy_names

if TYPE_CHECKING:
    from nw2v.corpus.cooccurrence import Cooccurrences, cooccurrences
    from nw2v.corpus.corpus import Corpus
    from nw2v.corpus.named import corpus_names
    from nw2v.corpus.splitting import EncodedText, Split
    from nw2v.corpus.tokenizer import Tokenizer
    from nw2v.corpus.vocabulary import Vocabulary

__all__ = [
    "Cooccurrences",
    "Corpus",
    "EncodedText",
    "Split",
    "Tokenizer",
    "Vocabulary",
    "cooccurrences",
    "corpus_names",
]

_HOMES = {
    "Cooccurrences": "cooccurrence",
    "Corpus": "corpus",
    "EncodedText": "splitting",
    "Split": "splitting",
    "Tokenizer": "tokenizer",
    "Vocabulary": "vocabulary",
    "cooccurrences": "cooccurrence",
    "corpus_names": "named",
}


__getattr__, __dir__ = lazy_names(__name__, _HOMES)
