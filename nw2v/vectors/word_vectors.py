"""Words with their vectors: neighbours, analogies, similarity."""

from __future__ import annotations

import importlib
import os
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from nw2v.errors import InputError
from nw2v.vectors.model_file import MODEL_FILE, VOCABULARY_FILE, load_vectors
from nw2v.vectors.near_words import UnknownWordError
from nw2v.vectors.path_kinds import is_file, is_folder
from nw2v.vectors.storage import read_table, write_table
from nw2v.vectors.table import Table, check_finite, shown

if TYPE_CHECKING:
    import pandas as pd

METHODS = ("3cosadd", "3cosmul")
COSMUL_EPSILON = 0.001  # Levy & Goldberg 2014, equation 4: keeps the divisor from zero
_ROWS_AT_ONCE = 4096
# Vectors of lengths between these have float32 products that neither over- nor underflow.
_SHORTEST, _LONGEST = 1e-15, 1e15


class WordVectors:
    """A vector for each of V words, and what can be asked of them.

    Parameters
    ----------
    words : sequence of V str
        By id; in a vocabulary of nw2v the frequent ones come first.
    vectors : (V, d) array-like
        Kept as float32, without a copy if it is that already, even where its rows are apart in
        memory, as a trained model's are. It must not be changed afterwards.
    counts : (V,) array-like of int, optional
        How often each word occurs in the text.

    Attributes
    ----------
    words : tuple of V str
    vectors : (V, d) float32, read-only
    counts : (V,) int64, read-only, or None

    Raises
    ------
    InputError
        If shapes do not fit, a word occurs twice, or a number is NaN or infinite.

    Examples
    --------
    >>> vectors = WordVectors(["king", "queen", "cabbage"], [[2, 1], [2, 2], [-1, 1]])
    >>> vectors.most_similar("king", top=1)
    [('queen', 0.9486832618713379)]
    """

    def __init__(
        self,
        words: Sequence[str] | np.ndarray,
        vectors: ArrayLike,
        counts: ArrayLike | None = None,
    ) -> None:
        if isinstance(words, str):
            raise InputError("words is a single string; expected a list of words")
        self.words: tuple[str, ...] = tuple(
            words.tolist() if isinstance(words, np.ndarray) else words
        )
        for row, word in enumerate(self.words):
            if not isinstance(word, str):
                raise InputError(f"words[{row}] is {word!r}, a {type(word).__name__}; expected str")
        try:
            with np.errstate(over="ignore"):  # infinities are named below
                self.vectors = _with_whole_rows(np.asarray(vectors, dtype=np.float32)).view()
        except (TypeError, ValueError) as error:
            raise InputError(f"vectors is no array of numbers: {error}") from error
        if np.iscomplexobj(vectors):
            raise InputError("vectors holds complex numbers; expected real ones")
        if np.ndim(vectors) != 2 or len(self.vectors) != len(self.words) or not self.vectors.size:
            raise InputError(
                f"vectors has shape {np.shape(vectors)} for {len(self.words)} words; "
                f"expected ({len(self.words)}, d), with at least one word and d at least 1"
            )
        self._ids = {word: row for row, word in enumerate(self.words)}
        if len(self._ids) < len(self.words):
            row = next(row for row, word in enumerate(self.words) if self._ids[word] != row)
            word = self.words[row]
            raise InputError(
                f"the word {shown(word)} occurs twice, in rows {row} and {self._ids[word]} "
                "(from 0); every word must be there once"
            )
        check_finite(self.vectors, self.words, "vectors")
        self.vectors.flags.writeable = False
        self.counts = None if counts is None else self._checked_counts(counts)

    @classmethod
    def load(
        cls,
        path: str | os.PathLike[str],
        *,
        vectors: str = "center",
        encoding_errors: str = "strict",
    ) -> WordVectors:
        """Read a vectors file in any of the export formats, or a run's output folder.

        Parameters
        ----------
        path : path-like
            A file named .txt, .vec (word2vec's text format, GloVe's too; also .gz), .bin
            (word2vec's binary format; also .gz), .safetensors or .parquet, or a run's folder.
        vectors : {"center", "outside", "sum"}
            Which vectors of a run's folder. A file holds one table, so only "center" fits.
        encoding_errors : {"strict", "replace", "ignore"}
            What happens to words of a file that are not UTF-8 (word2vec.c cuts long words, at
            times within a letter).

        Warns
        -----
        UserWarning
            If a word occurs twice in a file (the first is kept), or a text file ends without
            a newline.

        Raises
        ------
        InputError
            If the file is missing, damaged, cut short or not what its name says.
        """
        if vectors not in ("center", "outside", "sum"):
            raise InputError(f"vectors is {vectors!r}; expected center, outside or sum")
        path = Path(path)
        # A run's model file has no words in it; they are in the vocabulary beside it.
        if path.name == MODEL_FILE and is_file(path.parent / VOCABULARY_FILE):
            path = path.parent
        if is_folder(path):
            return cls(*load_vectors(path, vectors))
        table = read_table(path, encoding_errors=encoding_errors)
        if vectors != "center":
            raise InputError(
                f"{path}: a file holds one table of vectors, so vectors={vectors!r} needs the "
                "run's folder instead"
            )
        try:
            return cls(*table)
        except InputError as error:
            raise InputError(f"{path}: {error}") from None

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the vectors in the format that the ending of `path` stands for.

        .txt and .vec (word2vec's text format), .bin (word2vec's binary format), .safetensors,
        .parquet, or an ending that another package has registered. The file is complete or,
        if anything fails, as it was before. Only .parquet keeps the counts.

        Raises
        ------
        InputError
            If the ending is unknown, the file cannot be written, or the format cannot hold a
            word (white space inside, in word2vec's formats).
        """
        write_table(Path(path), Table(self.words, self.vectors, self.counts))

    def __setstate__(self, state: dict[str, Any]) -> None:
        # NumPy's arrays come back writable from pickle and `copy.deepcopy`.
        self.__dict__.update(state)
        for value in state.values():
            if isinstance(value, np.ndarray):
                value.flags.writeable = False

    def __len__(self) -> int:
        return len(self.words)

    def __iter__(self) -> Iterator[str]:
        return iter(self.words)

    def __contains__(self, word: object) -> bool:
        return isinstance(word, str) and word in self._ids

    def __getitem__(self, word: str) -> np.ndarray:
        """Return the vector of `word`, (d,) float32, read-only.

        Raises
        ------
        UnknownWordError
            If the word is not there: both an InputError and a KeyError.
        """
        vector: np.ndarray = self.vectors[self.id(word)]
        return vector

    def __repr__(self) -> str:
        return f"WordVectors({len(self):,} words, dim {self.dim})"

    @property
    def dim(self) -> int:
        """The number of dimensions d."""
        return self.vectors.shape[1]

    def id(self, word: str) -> int:
        """Return the row of `word`.

        Raises
        ------
        UnknownWordError
            If the word is not there: both an InputError and a KeyError.
        """
        row = self._ids.get(word) if isinstance(word, str) else None
        if row is None:
            raise UnknownWordError(word, self.words)
        return row

    @cached_property
    def unit_vectors(self) -> np.ndarray:
        """The vectors divided by their lengths, (V, d) float32; a zero vector stays zero.

        As large as the vectors, and kept once asked for; queries do without.
        """
        units = np.empty(self.vectors.shape, dtype=np.float32)
        for start in range(0, len(self), _ROWS_AT_ONCE):
            rows = slice(start, start + _ROWS_AT_ONCE)
            units[rows] = self.unit_rows(rows)
        units.flags.writeable = False
        return units

    def unit_rows(self, rows: slice | Sequence[int] | np.ndarray) -> np.ndarray:
        """Return some rows of `unit_vectors`, (n, d) float32, without the others."""
        # float64: the squares of large or tiny float32 numbers would over- or underflow
        vectors = self.vectors[rows].astype(np.float64)
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        vectors /= np.where(lengths > 0, lengths, 1)
        return vectors.astype(np.float32)

    @cached_property
    def _lengths(self) -> np.ndarray:
        """Length of each vector, (V,) float64."""
        lengths = np.empty(len(self))
        for start in range(0, len(self), _ROWS_AT_ONCE):
            rows = slice(start, start + _ROWS_AT_ONCE)
            lengths[rows] = np.linalg.norm(self.vectors[rows].astype(np.float64), axis=1)
        return lengths

    def most_similar(
        self,
        word_or_words: str | Sequence[str],
        *,
        negative: str | Sequence[str] = (),
        top: int = 10,
    ) -> list[tuple[str, float]]:
        """Return the words nearest to a word, or to a sum of words less other words.

        Parameters
        ----------
        word_or_words : str or sequence of str
            Their unit vectors are added...
        negative : str or sequence of str
            ...and the unit vectors of these subtracted.
        top : int
            How many words; all there are if there are fewer.

        Returns
        -------
        list of (str, float)
            Words and cosine similarities, the most similar first, ties by id. The words asked
            about are left out. A zero vector has similarity 0 to everything.

        Raises
        ------
        UnknownWordError
            If a word is not there: both an InputError and a KeyError.
        InputError
            If no word is given or `top` is not a positive whole number.
        """
        plus, minus = self._rows(word_or_words), self._rows(negative)
        if not plus and not minus:
            raise InputError("most_similar needs at least one word")
        query = self._unit_rows(plus).sum(axis=0) - self._unit_rows(minus).sum(axis=0)
        return self._best(self._cosines(query), {*plus, *minus}, top)

    def analogy(
        self, a: str, b: str, c: str, *, top: int = 10, method: str = "3cosadd"
    ) -> list[tuple[str, float]]:
        """Complete the analogy: `a` is to `b` as `c` is to the answer.

        Parameters
        ----------
        a, b, c : str
            The question; none of them can be the answer.
        top : int
            How many answers.
        method : {"3cosadd", "3cosmul"}
            With unit vectors, 3CosAdd ranks by the cosine with b - a + c; 3CosMul by
            cos(x, b) cos(x, c) / (cos(x, a) + 0.001), each cosine moved to [0, 1] by
            (1 + cos) / 2 (Levy & Goldberg 2014, equations 3 and 4).

        Returns
        -------
        list of (str, float)
            Answers and their scores, the best first, ties by id.

        Raises
        ------
        UnknownWordError
            If a word is not there: both an InputError and a KeyError.
        InputError
            If `method` is unknown or `top` is not a positive whole number.
        """
        if method not in METHODS:
            raise InputError(f"method is {method!r}; expected {' or '.join(METHODS)}")
        rows = [self.id(a), self.id(b), self.id(c)]
        units = self._unit_rows(rows)
        if method == "3cosadd":
            scores = self._cosines(units[1] - units[0] + units[2])
        else:
            cosines = [self._cosines(unit).astype(np.float64) for unit in units]
            to_a, to_b, to_c = ((1 + cosine) / 2 for cosine in cosines)
            scores = to_b * to_c / (to_a + COSMUL_EPSILON)
        return self._best(scores, set(rows), top)

    def similarity(self, a: str, b: str) -> float:
        """Return the cosine similarity of two words, in [-1, 1]; 0 if a vector is zero.

        Raises
        ------
        UnknownWordError
            If a word is not there: both an InputError and a KeyError.
        """
        first, second = self._unit_rows([self.id(a), self.id(b)])
        return float(np.clip(first @ second, -1, 1))

    def to_pandas(self) -> pd.DataFrame:
        """Return a data frame of float32: index `word`, columns 0 to d - 1."""
        import pandas as pd

        return pd.DataFrame(self.vectors.copy(), index=pd.Index(self.words, name="word"))

    def to_gensim(self) -> Any:
        """Return a copy as gensim's `KeyedVectors`, with counts if they are known.

        Raises
        ------
        InputError
            If gensim is not installed.
        """
        try:
            keyed_vectors = importlib.import_module("gensim.models.keyedvectors")
        except ImportError as error:
            raise InputError(
                f"to_gensim needs the package gensim ({error}); install nw2v[gensim]"
            ) from error
        keyed = keyed_vectors.KeyedVectors(self.dim)
        keyed.add_vectors(list(self.words), self.vectors)
        if self.counts is not None:
            keyed.allocate_vecattrs(["count"], [int])
            keyed.expandos["count"][:] = self.counts
        return keyed

    def _checked_counts(self, counts: ArrayLike) -> np.ndarray:
        given = np.asarray(counts)
        if given.shape != (len(self),) or given.dtype.kind not in "iu":
            raise InputError(
                f"counts is an array of {given.dtype} of shape {given.shape}; "
                f"expected whole numbers of shape ({len(self)},)"
            )
        checked = given.astype(np.int64).view()
        if (checked < 0).any():
            row = int(np.flatnonzero(checked < 0)[0])
            raise InputError(f"counts[{row}] is {given[row]}; expected at least 0")
        checked.flags.writeable = False
        return checked

    def _rows(self, words: str | Sequence[str]) -> list[int]:
        return [self.id(word) for word in ([words] if isinstance(words, str) else words)]

    def _unit_rows(self, rows: Sequence[int]) -> np.ndarray:
        return self.unit_rows(list(rows)).astype(np.float64)

    def _cosines(self, query: np.ndarray) -> np.ndarray:
        """Return the cosine of every word with `query`, (V,)."""
        length = np.linalg.norm(query)
        if length == 0:
            return np.zeros(len(self), dtype=np.float32)
        direction = (query / length).astype(np.float32)
        lengths = np.where(self._lengths > 0, self._lengths, 1)
        if lengths.min() > _SHORTEST and lengths.max() < _LONGEST:
            cosines = self.vectors @ direction
            cosines /= lengths
        else:
            cosines = self.unit_vectors @ direction
        return np.clip(cosines, -1, 1, out=cosines)

    def _best(self, scores: np.ndarray, excluded: set[int], top: int) -> list[tuple[str, float]]:
        """Return the `top` words of highest score that are not excluded, ties by id."""
        if isinstance(top, bool) or not isinstance(top, int | np.integer) or top < 1:
            raise InputError(f"top is {top!r}; expected a whole number, at least 1")
        rows = highest(scores, min(int(top) + len(excluded), len(self)))
        kept = [row for row in rows.tolist() if row not in excluded][:top]
        return [(self.words[row], float(scores[row])) for row in kept]


def _with_whole_rows(array: np.ndarray) -> np.ndarray:
    """Return an array in which each row lies in one piece: itself, if it is like that."""
    whole = array.ndim == 2 and array.strides[1] == array.itemsize
    return array if whole else np.ascontiguousarray(array)


def highest(scores: np.ndarray, top: int) -> np.ndarray:
    """Return the indices of the `top` highest scores, falling, ties by index.

    Parameters
    ----------
    scores : (n,) array
        Without NaN.
    top : int
        Between 1 and n.
    """
    if top < len(scores):
        border = scores[np.argpartition(scores, len(scores) - top)[len(scores) - top]]
        above = np.flatnonzero(scores > border)
        # argpartition alone keeps any of the words that tie at the border
        level = np.flatnonzero(scores == border)[: top - len(above)]
        candidates = np.concatenate([above, level])
    else:
        candidates = np.arange(len(scores))
    order = np.argsort(-scores[candidates], kind="stable")
    best: np.ndarray = candidates[order]
    return best
