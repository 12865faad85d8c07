from __future__ import annotations

from nw2v.comparison import conclusions
from nw2v.comparison.divergence import Diverged
from nw2v.comparison.runs import CROSS_ENTROPY
from tests.comparison.found import EXACT, FEW, MANY, comparison

ENTROPY, ON_V, ON_SUM = (CROSS_ENTROPY, "model"), ("analogies x", "center"), ("analogies x", "sum")


def test_what_is_better_what_may_be_and_what_cannot_be_told():
    means = {
        ENTROPY: {EXACT: 7.4, FEW: 7.5, MANY: 7.6},
        ON_V: {EXACT: 0.1, FEW: 0.2, MANY: 0.3},
        ON_SUM: {EXACT: 0.3, FEW: 0.2, MANY: 0.1},
    }
    better = {ENTROPY: [(EXACT, FEW), (EXACT, MANY)], ON_V: [(MANY, EXACT)]}
    assert conclusions(comparison(means, better)) == [
        f"{EXACT.name} is better than all others on cross-entropy.",
        "There is no single best, though some systems are worse than it, on analogies x (V) "
        "(2 of 3 may be the best).",
        "On analogies x (V + U) no system can be told apart from the best. That does not show "
        "that they are equal.",
    ]


def test_two_systems():
    means = {ENTROPY: {EXACT: 7.4, FEW: 7.5}, ON_V: {EXACT: 0.1, FEW: 0.2}, ON_SUM: {
        EXACT: 0.1, FEW: 0.2,
    }}  # fmt: skip
    assert conclusions(comparison(means, {ENTROPY: [(EXACT, FEW)]})) == [
        f"{EXACT.name} is better than the other on cross-entropy.",
        "On analogies x (V) and analogies x (V + U) the two cannot be told apart. That does not "
        "show that they are equal.",
    ]


def test_one_seed_decides_nothing():
    (sentence,) = conclusions(comparison({ENTROPY: {EXACT: 7.4, FEW: 7.5}}, {}, seeds=1))
    assert sentence.startswith("Nothing can be concluded from one seed:")


def test_a_cross_entropy_that_was_better_before_training_ended():
    means = {ENTROPY: {EXACT: 7.4, FEW: 7.5, MANY: 7.6}}
    best = {MANY: (7.45, 3), FEW: (7.5, 20)}
    assert (
        f"The cross-entropy of {MANY.name} was least after pass 3 of 20 (7.4500): at its best it "
        f"is ahead of {FEW.name} that it ends behind."
    ) in conclusions(comparison(means, {}, best=best))
    best[MANY] = (7.3, 3)
    assert "it is ahead of 2 systems that" in conclusions(comparison(means, {}, best=best))[-1]


def test_what_a_reader_should_doubt():
    found = comparison(
        {ENTROPY: {EXACT: 8.5, FEW: 7.5}},
        {},
        known={
            "analogies a": (0, 70), "analogies b": (99, 20_000), "similarity c": (4, 353),
            "similarity d": (100, 999),
        },
    )  # fmt: skip
    assert conclusions(found)[1:] == [
        f"No better on cross-entropy than word frequencies alone (8.5000): {EXACT.name}.",
        "Not scored, since no question or pair is known: analogies a (70).",
        "Few questions or pairs are known, so that little can be told, of analogies b (99 of "
        "20,000) and similarity c (4 of 353).",
    ]


def test_what_diverged_comes_first():
    lost = [Diverged(FEW.name, seed, 9.5, "too high") for seed in (1, 3)]
    lost.append(Diverged(MANY.name, 2, 9.5, "too high"))
    assert conclusions(comparison({ENTROPY: {EXACT: 7.4}}, {}, diverged=lost)) == [
        f"{FEW.name} diverged at learning rate 9.5 with 2 of 5 seeds (1, 3) and is left out: lower "
        "compare.learning_rate.stream.",
        f"{MANY.name} diverged at learning rate 9.5 with 1 of 5 seeds (2) and is left out: lower "
        "compare.learning_rate.stream.",
        "Only one system is left: there is nothing to compare it with.",
    ]
