"""Human judgements of how similar two words are, by name or from files."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable
from pathlib import Path

from nw2v.errors import InputError
from nw2v.evaluation.set_files import NamedSets, PublishedFile, excerpt, read_lines, split_columns

_GENSIM_DATA = "https://raw.githubusercontent.com/piskvorky/gensim/develop/gensim/test/test_data"

WORDSIM353 = PublishedFile(
    file_name="wordsim353.tsv",
    url=f"{_GENSIM_DATA}/wordsim353.tsv",
    sha256="f92a022fc2537793a15bc3a8c162ebcd74990e033a228bb6388cb71e4c0b1e1d",
    description="WordSim-353 (Finkelstein et al. 2002)",
)
SIMLEX999 = PublishedFile(
    file_name="simlex999.txt",
    url=f"{_GENSIM_DATA}/simlex999.txt",
    sha256="d5e0501971478a511430ee880bd0121e94ac701ba86d90544d83e6d2ba3db05d",
    description="SimLex-999 (Hill, Reichart and Korhonen 2015)",
)
MEN = PublishedFile(
    file_name="EN-MEN-TR-3k.txt",
    url="https://raw.githubusercontent.com/mfaruqui/eval-word-vectors/master/data/word-sim/EN-MEN-TR-3k.txt",
    sha256="888b13580faa362c7b11da0a670258cf1b1eb4bf0ecbcd418918729a3bd3f43a",
    description="MEN (Bruni, Tran and Baroni 2014)",
)


class SimilaritySet:
    """Pairs of words with a judgement of their similarity.

    Parameters
    ----------
    name : str
        Appears in the names of metrics.
    pairs : iterable of (str, str, float)
        Two words and how similar they are; only the order of the judgements matters.

    Attributes
    ----------
    pairs : list of (str, str, float)

    Raises
    ------
    InputError
        If there are no pairs, or one is not two words and a finite number.
    """

    def __init__(self, name: str, pairs: Iterable[tuple[str, str, float]]) -> None:
        self.name = name
        self.pairs: list[tuple[str, str, float]] = []
        for pair in pairs:
            try:
                first, second, judgement = pair[0], pair[1], float(pair[2])
                right = len(pair) == 3 and math.isfinite(judgement)
            except (TypeError, ValueError, IndexError):
                right = False
            if not (right and all(isinstance(word, str) and word for word in (first, second))):
                raise InputError(
                    f"similarity set {name!r}: {pair!r} is not two words and a finite number"
                )
            self.pairs.append((first, second, judgement))
        if not self.pairs:
            raise InputError(f"similarity set {name!r} has no pairs")

    def __len__(self) -> int:
        """Number of pairs."""
        return len(self.pairs)

    def __repr__(self) -> str:
        return f"SimilaritySet({self.name!r}: {len(self)} pairs)"


def similarity_set_names() -> list[str]:
    """Names that `load_similarity` knows."""
    return _NAMED.names()


def load_similarity(name_or_path: str | os.PathLike[str]) -> SimilaritySet:
    """Load judgements of word similarity by name or from a file.

    Parameters
    ----------
    name_or_path : str or path-like
        One of:

        - ``"wordsim353"`` (353 pairs), ``"simlex999"`` (999 pairs): from an installed gensim or
          downloaded once; ``"men"`` (3,000 pairs): downloaded once.
        - a name that an installed package offers in the entry-point group ``nw2v.similarity``.
        - a file with a pair a line: two words and a number, separated by tabs, commas or blanks.
          More columns, one header line, empty lines and lines that begin with ``#`` are passed
          over.

        A name wins over a file of the same name; ``./men`` means the file.

    Returns
    -------
    SimilaritySet

    Raises
    ------
    InputError
        For an unknown name, a file that cannot be read or downloaded, or a malformed line (with
        file and line number).
    """
    found = _NAMED.load_or_find(name_or_path)
    if not isinstance(found, Path):
        return found
    return SimilaritySet(found.stem, _read_pairs(found))


_NAMED = NamedSets(
    "similarity set",
    {
        "wordsim353": lambda: SimilaritySet("wordsim353", _read_pairs(WORDSIM353.path())),
        "simlex999": lambda: SimilaritySet("simlex999", _read_pairs(SIMLEX999.path())),
        "men": lambda: SimilaritySet("men", _read_pairs(MEN.path())),
    },
    "nw2v.similarity",
)


def _read_pairs(path: Path) -> list[tuple[str, str, float]]:
    pairs = []
    may_be_header = True
    for number, line in read_lines(path):
        columns = split_columns(line)
        if len(columns) < 3 or not (columns[0] and columns[1]):
            raise InputError(
                f"{path}:{number}: expected two words and a number, separated by tabs, commas or "
                f"blanks, got {excerpt(line)}"
            )
        try:
            judgement = float(columns[2])
        except ValueError:
            if may_be_header:
                may_be_header = False
                continue
            judgement = math.nan
        may_be_header = False
        if not math.isfinite(judgement):
            raise InputError(
                f"{path}:{number}: the third column must be the judgement, a finite number, "
                f"got {excerpt(columns[2])}"
            )
        pairs.append((columns[0], columns[1], judgement))
    if not pairs:
        raise InputError(f"{path}: no pairs in this file")
    return pairs
