"""A comparison of which one system diverges: the others go on, and all is told."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import nw2v
from nw2v.comparison import Comparison, compare, conclusions, markdown_report, write_report
from nw2v.training import DivergenceError

SYSTEMS = ["naive_softmax/cooccurrence", "negative_sampling/stream"]
LOST = "negative sampling K=5, stream"
KEPT = ["naive softmax, cooccurrence", "negative sampling K=2, stream"]
TOO_HIGH = 60.0


@pytest.fixture(scope="module")
def corpus():
    generator = np.random.default_rng(1)
    words = [f"w{k}" for k in range(20)]
    return nw2v.Corpus.from_sentences(
        [list(generator.choice(words, size=12)) for _ in range(300)], min_count=1
    )


def options(**more: Any) -> dict[str, Any]:
    return {
        "systems": SYSTEMS, "negatives": (2, 5), "dim": 4, "threads": 1, "subsample": 0.0,
        "heldout_fraction": 0.2, "epochs": {"stream": 1, "cooccurrence": 1}, **more,
    }  # fmt: skip


@pytest.fixture(scope="module")
def found(corpus) -> Comparison:
    """The second seed of one of three systems truly diverges: its learning rate is too high."""
    train = nw2v.api.train

    def too_fast(*rest: Any, **asked: Any) -> Any:
        if (asked.get("negatives"), asked["seed"]) == (5, 2):
            asked["learning_rate"] = TOO_HIGH
        return train(*rest, **asked)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(nw2v.api, "train", too_fast)
        return compare(corpus, seeds=2, **options())


def test_the_others_go_on(found):
    assert [system.name for system in found.systems] == [KEPT[0], KEPT[1], LOST]
    assert [system.name for system in found.compared] == KEPT
    (row,) = found.diverged.itertuples()
    assert (row.system, row.seed, row.learning_rate) == (LOST, 2, TOO_HIGH)
    assert "compare.learning_rate.stream" in row.problem
    # What it gave with the other seed is kept, and compared with nothing.
    assert len(found.scores[found.scores["system"] == LOST]) == 1
    for table in (found.summary, found.costs, found.spaces, found.norms):
        assert set(table["system"]) == set(KEPT)
    for table in (found.tests, found.space_pairs):
        assert LOST not in {*table["system_a"], *table["system_b"]}


def test_what_is_compared_is_as_if_the_lost_system_had_not_been_there(corpus, found):
    alone = compare(corpus, seeds=2, **options(negatives=(2,)))
    for table in ("summary", "tests", "spaces", "space_pairs", "norms"):
        pd.testing.assert_frame_equal(getattr(alone, table), getattr(found, table))


def test_the_report_tells_of_it(found, tmp_path):
    sentence = (
        f"{LOST} diverged at learning rate 60 with 1 of 2 seeds (2) and is left out: lower "
        "compare.learning_rate.stream."
    )
    assert conclusions(found)[0] == sentence
    report = markdown_report(found)
    assert sentence in report and f"| {LOST} | diverged |" in report
    files = {path.name for path in write_report(found, tmp_path)}
    assert "diverged.csv" in files
    assert len(pd.read_csv(tmp_path / "diverged.csv")) == 1


def test_one_system_that_is_left_is_compared_with_nothing(corpus, tmp_path):
    rates = {"stream": TOO_HIGH}
    found = compare(corpus, seeds=1, **options(negatives=(5,), learning_rates=rates))
    assert [system.name for system in found.compared] == KEPT[:1]
    assert not len(found.tests) and len(found.summary) == 1
    assert "Only one system is left: there is nothing to compare it with." in conclusions(found)
    write_report(found, tmp_path)


def test_where_no_system_is_left_it_is_an_error(corpus):
    rates = {"stream": TOO_HIGH}
    with pytest.raises(DivergenceError) as caught:
        compare(
            corpus, seeds=1, **options(systems=["negative_sampling/stream"], learning_rates=rates)
        )
    assert str(caught.value) == "no system is left to compare. " + " ".join(
        f"negative sampling K={k}, stream diverged at learning rate 60 with 1 of 1 seed (1) and is "
        "left out: lower compare.learning_rate.stream."
        for k in (2, 5)
    )
