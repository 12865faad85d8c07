"""Analogy scores: how often vector arithmetic finds the fourth word."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from nw2v.errors import InputError
from nw2v.evaluation.analogy_sets import AnalogyQuestion, AnalogySet
from nw2v.evaluation.metric_names import distinct_legal_names, legal_name
from nw2v.evaluation.word_matching import WordMatcher
from nw2v.evaluation.workers import map_blocks, threads_for
from nw2v.vectors.word_vectors import METHODS, WordVectors

if TYPE_CHECKING:
    import pandas as pd

# A chunk of questions and a block of the vocabulary: their similarities, at most 1.5 MB, stay in
# the cache of a core while all questions of the chunk read them. Those of a word that questions of
# two chunks name are computed twice, so that chunks should be large.
_CHUNK_WORDS = 2048
_BLOCK_WORDS = 192
# Into how many tasks the blocks are divided for each thread: few, since each begins without a best
# answer so far, below which nothing has to be looked at.
_TASKS_A_THREAD = 2


@dataclass(frozen=True, eq=False)
class AnalogyScores:
    """Which analogy questions a model answers, by section.

    Attributes
    ----------
    name : str
        Of the analogy set.
    method : {"3cosadd", "3cosmul"}
    sections : tuple of str
    questions, answerable, correct : numpy.ndarray, shape (sections,), int64
        Numbers of questions: all; those of which the model knows all three words and an answer;
        those answered correctly.
    asked : tuple of AnalogyQuestion
        All questions, section after section.
    predictions : tuple of (str or None)
        The answer to each of `asked`; None where it is not answerable.
    right : numpy.ndarray, shape (questions,), bool
    """

    name: str
    method: str
    sections: tuple[str, ...]
    questions: np.ndarray
    answerable: np.ndarray
    correct: np.ndarray
    asked: tuple[AnalogyQuestion, ...]
    predictions: tuple[str | None, ...]
    right: np.ndarray

    @property
    def accuracy(self) -> float:
        """Correct over answerable questions of all sections (micro); NaN if there are none."""
        return _ratio(self.correct.sum(), self.answerable.sum())

    @property
    def accuracy_of_all(self) -> float:
        """Correct over all questions: one that is not answerable counts as wrong."""
        return _ratio(self.correct.sum(), self.questions.sum())

    @property
    def macro_accuracy(self) -> float:
        """Mean of the sections' accuracies over answerable questions, where there are any."""
        some = self.answerable > 0
        return float(np.mean(self.correct[some] / self.answerable[some])) if some.any() else np.nan

    @property
    def macro_accuracy_of_all(self) -> float:
        """Mean of the sections' accuracies over all questions."""
        some = self.questions > 0
        return float(np.mean(self.correct[some] / self.questions[some]))

    @property
    def answered(self) -> np.ndarray:
        """Which questions have a prediction, (questions,) bool: the answerable ones.

        Not those, if any, for whose answer the vocabulary has no word left.
        """
        return np.array([word is not None for word in self.predictions])

    @property
    def coverage(self) -> float:
        """Answerable over all questions."""
        return _ratio(self.answerable.sum(), self.questions.sum())

    def metrics(self, set_name: str | None = None, *, first: bool = False) -> dict[str, float]:
        """Scores under their MLflow names.

        Parameters
        ----------
        set_name : str or None
            Stands for the set in the names; None: the set's own name.
        first : bool
            Whether this is the first set of the run, whose scores are also ``analogy/accuracy``
            and ``analogy/coverage``.

        Returns
        -------
        dict of str to float
            ``analogy/<set>/accuracy`` (micro, over answerable questions),
            ``analogy/<set>/coverage`` and ``analogy/<set>/<section>`` for each section. An
            accuracy over no question at all is left out.
        """
        prefix = f"analogy/{legal_name(self.name if set_name is None else set_name)}"
        names = distinct_legal_names(self.sections, taken=("accuracy", "coverage"))
        metrics = {f"{prefix}/accuracy": self.accuracy, f"{prefix}/coverage": self.coverage}
        if first:
            metrics |= {"analogy/accuracy": self.accuracy, "analogy/coverage": self.coverage}
        for name, correct, answerable in zip(names, self.correct, self.answerable, strict=True):
            metrics[f"{prefix}/{name}"] = _ratio(correct, answerable)
        return {name: value for name, value in metrics.items() if not np.isnan(value)}

    def to_pandas(self) -> pd.DataFrame:
        """One row a section: questions, answerable, correct, accuracy, accuracy_of_all, coverage.

        The accuracy of a section without answerable questions is NaN.
        """
        import pandas as pd

        table = pd.DataFrame(
            {
                "section": list(self.sections),
                "questions": self.questions,
                "answerable": self.answerable,
                "correct": self.correct,
            }
        )
        table["accuracy"] = table["correct"] / table["answerable"].where(table["answerable"] > 0)
        table["accuracy_of_all"] = table["correct"] / table["questions"]
        table["coverage"] = table["answerable"] / table["questions"]
        return table

    def questions_to_pandas(self) -> pd.DataFrame:
        """One row a question: section, a, b, c, answers, prediction, right.

        Alternatives are separated by ``/``; the prediction is missing where the question is not
        answerable.
        """
        import pandas as pd

        return pd.DataFrame(
            {
                "section": np.repeat(np.array(self.sections, dtype=object), self.questions),
                "a": [question.a for question in self.asked],
                "b": ["/".join(question.b) for question in self.asked],
                "c": [question.c for question in self.asked],
                "answers": ["/".join(question.answers) for question in self.asked],
                "prediction": list(self.predictions),
                "right": self.right,
            }
        )


def _ratio(part: int, whole: int) -> float:
    return float(part / whole) if whole else float("nan")


def evaluate_analogies(
    vectors: WordVectors,
    analogy_set: AnalogySet,
    method: str = "3cosadd",
    *,
    max_words: int | None = None,
    fold_case: bool = False,
    threads: int | None = None,
) -> AnalogyScores:
    r"""Answer analogy questions by vector arithmetic.

    A is to B as C is to the word x, other than A, B and C, with the largest

    - 3CosAdd (Mikolov et al. 2013): ``cos(x, B) - cos(x, A) + cos(x, C)``;
    - 3CosMul (Levy and Goldberg 2014): ``s(x, B) s(x, C) / (s(x, A) + 0.001)``, where
      ``s = (1 + cos) / 2``.

    Among equals the most frequent word is the answer. A word of a question that the model does
    not have as written is looked for without regard to case (see `WordMatcher`).

    Parameters
    ----------
    vectors : WordVectors
        Most frequent words first.
    analogy_set : AnalogySet
    method : {"3cosadd", "3cosmul"}
    max_words : int or None
        Only the `max_words` most frequent words are known and can be answers.
    fold_case : bool
        Treat words that differ in case only as one word. Then, and always where the vocabulary
        is all lower case, 3CosAdd gives the answers of gensim's ``evaluate_word_analogies``.
    threads : int or None
        None: all cores. The scores do not depend on it.

    Returns
    -------
    AnalogyScores

    Raises
    ------
    InputError
        If `method`, `max_words` or `threads` is out of its range.
    """
    if method not in METHODS:
        raise InputError(f"unknown analogy method {method!r}: expected {' or '.join(METHODS)}")
    matcher = WordMatcher(vectors.words, max_words=max_words, fold_case=fold_case)
    same_word = matcher.same_word()
    sizes = [len(section) for section in analogy_set.sections.values()]
    section_of = np.repeat(np.arange(len(sizes)), sizes)
    questions = analogy_set.indexed

    ids = matcher.find(questions.words)
    b = _first_known(ids[questions.b], questions.b_starts)
    words = np.stack([ids[questions.a], b, ids[questions.c]], axis=1)
    answers = ids[questions.answers]
    answer_known = np.logical_or.reduceat(answers >= 0, questions.answer_starts[:-1])
    answerable = (words >= 0).all(axis=1) & answer_known

    predicted = np.full(len(words), -1, dtype=np.int64)
    rows = np.flatnonzero(answerable)
    rows = rows[np.lexsort((*words[rows].T[::-1], section_of[rows]))]
    predicted[rows] = _answers(vectors, words[rows], same_word, method == "3cosmul", threads)

    # A question without a prediction has -2 here, which is no word's id, not even an unknown one's.
    chosen = np.where(predicted >= 0, same_word[predicted], -2)
    hits = answers == np.repeat(chosen, np.diff(questions.answer_starts))
    right = np.logical_or.reduceat(hits, questions.answer_starts[:-1])
    return AnalogyScores(
        name=analogy_set.name,
        method=method,
        sections=tuple(analogy_set.sections),
        questions=np.array(sizes, dtype=np.int64),
        answerable=np.bincount(section_of[answerable], minlength=len(sizes)),
        correct=np.bincount(section_of[right], minlength=len(sizes)),
        asked=tuple(chain.from_iterable(analogy_set.sections.values())),
        predictions=tuple(
            matcher.words[word] if word >= 0 else None for word in predicted.tolist()
        ),
        right=right,
    )


def _first_known(ids: np.ndarray, starts: np.ndarray) -> np.ndarray:
    """First id that is not -1 in each stretch ``ids[starts[q]:starts[q + 1]]``, else -1."""
    places = np.where(ids >= 0, np.arange(len(ids)), len(ids))
    return np.append(ids, np.int32(-1))[np.minimum.reduceat(places, starts[:-1])]


class _Questions(NamedTuple):
    """Questions with few different words: rows of these words, and which words are no answers."""

    words: np.ndarray  # (questions, 3) int32: a, b, c as rows of the block of similarities
    excluded: np.ndarray  # (questions, 3) int32


class _Chunk(NamedTuple):
    place: slice  # among all questions
    units: np.ndarray  # (n, dim) float32: unit vectors of its different words
    questions: _Questions


def _answers(
    vectors: WordVectors,
    words: np.ndarray,
    same_word: np.ndarray,
    multiply: bool,
    threads: int | None,
) -> np.ndarray:
    """Answer questions (n, 3), of which those that share A and B come one after the other.

    Instead of one product of the whole vocabulary with a target vector a question, the
    similarities of each different word of a chunk of questions are computed once, and scores are
    their sums or products: a question costs three reads a word instead of 2 dim operations.

    Vectors are made unit vectors block by block, where they are compared: all of them would
    need as much memory as the vectors themselves.

    Returns
    -------
    numpy.ndarray, shape (n,), int64
        The words that answer, -1 where no word is left to answer with.
    """
    search = _compiled_search()
    asked_words, asked = np.unique(words, return_inverse=True)
    asked_units = vectors.unit_rows(asked_words)
    chunks = list(_chunks(asked.reshape(words.shape), same_word[words], asked_units))

    threads = threads_for(threads)
    blocks = -(-len(same_word) // _BLOCK_WORDS)
    words_a_task = -(-blocks // (_TASKS_A_THREAD * threads)) * _BLOCK_WORDS

    def search_blocks(start: int) -> tuple[np.ndarray, np.ndarray]:
        best = np.full(len(words), -np.inf, dtype=np.float32)
        found = np.full(len(words), -1, dtype=np.int64)
        scratch = np.empty(_BLOCK_WORDS, dtype=np.float32)
        stop = min(start + words_a_task, len(same_word))
        for first in range(start, stop, _BLOCK_WORDS):
            units = vectors.unit_rows(slice(first, min(first + _BLOCK_WORDS, stop)))
            for place, its_units, questions in chunks:
                similarities = its_units @ units.T
                if multiply:
                    similarities += np.float32(1)
                    similarities *= np.float32(0.5)
                search(
                    similarities,
                    first,
                    same_word,
                    questions,
                    multiply,
                    scratch,
                    best[place],
                    found[place],
                )
        return best, found

    best = np.full(len(words), -np.inf, dtype=np.float32)
    found = np.full(len(words), -1, dtype=np.int64)
    starts = range(0, len(same_word) if len(words) else 0, words_a_task)
    for its_best, its_found in map_blocks(search_blocks, starts, threads):
        better = its_best > best  # in the order of the vocabulary: a tie keeps the earlier word
        best[better], found[better] = its_best[better], its_found[better]
    return found


def _chunks(asked: np.ndarray, excluded: np.ndarray, units: np.ndarray) -> Iterator[_Chunk]:
    """Cut questions (n, 3), in their order, into chunks with few different words.

    `asked` are rows of `units`.
    """
    start, ends, known = 0, [], set[int]()
    for position, question in enumerate(asked.tolist()):
        known.update(question)
        if len(known) > _CHUNK_WORDS:
            ends.append(position)
            known = set(question)
    for end in [*ends, len(asked)]:
        place = slice(start, end)
        distinct, rows = np.unique(asked[place], return_inverse=True)
        rows = rows.reshape(-1, 3).astype(np.int32)
        yield _Chunk(place, units[distinct], _Questions(rows, excluded[place]))
        start = end


def _compiled_search() -> Callable[..., None]:
    # Numba is imported by the first evaluation, not with this module.
    from nw2v.evaluation.analogy_search import search

    return search
