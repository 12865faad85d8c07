from __future__ import annotations

import numpy as np
import pytest

from nw2v.errors import InputError
from nw2v.evaluation import SimilaritySet, evaluate_similarity
from nw2v.vectors import WordVectors

WORDS = [f"w{i}" for i in range(60)]


@pytest.fixture
def vectors() -> WordVectors:
    return WordVectors(WORDS, np.random.default_rng(0).standard_normal((60, 8)))


@pytest.fixture
def pairs() -> SimilaritySet:
    rng = np.random.default_rng(1)
    judged = [(*rng.choice(WORDS, 2), float(rng.integers(0, 10))) for _ in range(80)]
    return SimilaritySet("judged", [*judged, ("w1", "unknown", 3.0), ("W2", "w3", 4.0)])


def test_equals_scipy(vectors, pairs):
    stats = pytest.importorskip("scipy.stats")
    score = evaluate_similarity(vectors, pairs)
    known = [pair for pair in pairs.pairs if pair[1] != "unknown"]
    cosines = [vectors.similarity(a.lower(), b) for a, b, _ in known]
    expected = stats.spearmanr([judgement for *_, judgement in known], cosines).statistic
    assert score.spearman == pytest.approx(expected, abs=1e-12)
    assert (score.known, score.coverage) == (81, 81 / 82)


def test_equals_gensim(vectors, pairs, tmp_path):
    pytest.importorskip("gensim")
    path = tmp_path / "pairs.tsv"
    path.write_text("".join(f"{a}\t{b}\t{judgement}\n" for a, b, judgement in pairs.pairs))
    _, spearman, unknown = vectors.to_gensim().evaluate_word_pairs(str(path))
    score = evaluate_similarity(vectors, pairs, fold_case=True)
    assert score.spearman == pytest.approx(spearman[0], abs=1e-6)
    assert 100 * (1 - score.coverage) == pytest.approx(unknown)


def test_metrics(vectors, pairs):
    score = evaluate_similarity(vectors, pairs)
    assert score.metrics() == {
        "similarity/judged/spearman": score.spearman,
        "similarity/judged/coverage": score.coverage,
    }
    assert list(score.metrics("my set (1)")) == [
        "similarity/my set _1/spearman",
        "similarity/my set _1/coverage",
    ]


@pytest.mark.parametrize(
    ("judged", "coverage"),
    [
        ([("w1", "w2", 1.0)], 1.0),
        ([("w1", "w2", 1.0), ("w3", "unknown", 2.0)], 0.5),
        ([("no", "none", 1.0), ("no", "none", 2.0)], 0.0),
        ([("w1", "w2", 5.0), ("w3", "w4", 5.0), ("w5", "w6", 5.0)], 1.0),
        ([("w1", "w1", 5.0), ("w2", "w2", 6.0)], 1.0),
    ],
    ids=["one pair", "one known", "none known", "equal judgements", "the same pair"],
)
def test_no_correlation_is_nan_and_not_a_metric(vectors, judged, coverage):
    if judged[0][0] == judged[0][1]:
        judged = [("w1", "w2", 5.0), ("w2", "w1", 6.0)]  # equal cosines, to the last bit
    score = evaluate_similarity(vectors, SimilaritySet("x", judged))
    assert np.isnan(score.spearman)
    assert score.metrics() == {"similarity/x/coverage": coverage}


def test_only_the_most_frequent_words(vectors, pairs):
    few = evaluate_similarity(vectors, pairs, max_words=30)
    assert 0 < few.coverage < 0.6
    with pytest.raises(InputError, match="max_words"):
        evaluate_similarity(vectors, pairs, max_words=0)


def test_table(vectors, pairs):
    table = evaluate_similarity(vectors, pairs).to_pandas()
    assert list(table) == ["first", "second", "judgement", "cosine"]
    assert table["cosine"].isna().sum() == 1
