"""Word similarity scores: whether cosines rank pairs of words as people do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from nw2v.evaluation.metric_names import legal_name
from nw2v.evaluation.similarity_sets import SimilaritySet
from nw2v.evaluation.statistics import rank_correlation
from nw2v.evaluation.word_matching import WordMatcher

if TYPE_CHECKING:
    import pandas as pd

    from nw2v.vectors.word_vectors import WordVectors


@dataclass(frozen=True, eq=False)
class SimilarityScore:
    """How well a model's cosines agree with judgements of similarity.

    Attributes
    ----------
    name : str
        Of the similarity set.
    spearman : float
        Spearman's rank correlation over the known pairs, equals at their average rank; NaN where
        it does not exist: fewer than two known pairs, or all cosines or all judgements equal.
    pairs : tuple of (str, str, float)
        All pairs with their judgements.
    cosines : numpy.ndarray, shape (pairs,), float64
        NaN where the model lacks a word of the pair.
    """

    name: str
    spearman: float
    pairs: tuple[tuple[str, str, float], ...]
    cosines: np.ndarray

    @property
    def known(self) -> int:
        """Number of pairs of which the model knows both words."""
        return int(np.count_nonzero(~np.isnan(self.cosines)))

    @property
    def coverage(self) -> float:
        """Known over all pairs."""
        return self.known / len(self.pairs)

    def metrics(self, set_name: str | None = None) -> dict[str, float]:
        """``similarity/<set>/spearman`` (left out where it is NaN), ``similarity/<set>/coverage``.

        `set_name` stands for the set in the names; None: the set's own name.
        """
        prefix = f"similarity/{legal_name(self.name if set_name is None else set_name)}"
        metrics = {f"{prefix}/spearman": self.spearman, f"{prefix}/coverage": self.coverage}
        return {name: value for name, value in metrics.items() if not np.isnan(value)}

    def to_pandas(self) -> pd.DataFrame:
        """One row a pair: first, second, judgement, cosine (NaN where a word is unknown)."""
        import pandas as pd

        table = pd.DataFrame(self.pairs, columns=["first", "second", "judgement"])
        table["cosine"] = self.cosines
        return table


def evaluate_similarity(
    vectors: WordVectors,
    similarity_set: SimilaritySet,
    *,
    max_words: int | None = None,
    fold_case: bool = False,
) -> SimilarityScore:
    """Rank pairs of words by the cosine of their vectors and compare with people's judgements.

    Pairs with a word that the model does not know are left out of the correlation and lower the
    coverage. Words are matched as in `evaluate_analogies`.

    Parameters
    ----------
    vectors : WordVectors
        Most frequent words first.
    similarity_set : SimilaritySet
    max_words : int or None
        Only the `max_words` most frequent words are known.
    fold_case : bool
        Treat words that differ in case only as one word, as gensim's ``evaluate_word_pairs``.

    Returns
    -------
    SimilarityScore

    Raises
    ------
    InputError
        If `max_words` is not a positive integer.
    """
    matcher = WordMatcher(vectors.words, max_words=max_words, fold_case=fold_case)
    firsts, seconds, judged = zip(*similarity_set.pairs, strict=True)
    first, second = matcher.find([*firsts, *seconds]).reshape(2, -1)
    judgements = np.array(judged)
    known = (first >= 0) & (second >= 0)
    cosines = np.full(len(known), np.nan)
    cosines[known] = np.einsum(
        "pd,pd->p",
        vectors.unit_rows(first[known]),
        vectors.unit_rows(second[known]),
        dtype=np.float64,
    )
    return SimilarityScore(
        name=similarity_set.name,
        spearman=rank_correlation(judgements[known], cosines[known]),
        pairs=tuple(similarity_set.pairs),
        cosines=cosines,
    )
