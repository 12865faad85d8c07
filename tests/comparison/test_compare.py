"""A comparison on a small text: equal terms, the same numbers again, and what the report says."""

from __future__ import annotations

import base64
from typing import Any

import numpy as np
import pandas as pd
import pytest

import nw2v
from nw2v.comparison import compare, html_report, markdown_report, read_systems
from nw2v.comparison.conclusions import conclusions
from nw2v.comparison.matrix import legend, score_matrix
from nw2v.comparison.runs import CROSS_ENTROPY
from nw2v.errors import InputError
from nw2v.evaluation import AnalogySet, SimilaritySet
from nw2v.evaluation.heldout import draw_heldout_pairs, heldout_metrics
from nw2v.losses import make_loss

SYSTEMS = ["naive_softmax/cooccurrence", "negative_sampling/stream"]
SHARED: dict[str, Any] = {
    "dim": 6,
    "threads": 2,
    "subsample": 0.0,
    "heldout_fraction": 0.2,
    "window": 3,
}


@pytest.fixture(scope="module")
def corpus():
    """Words of two topics, which share a few common ones."""
    generator = np.random.default_rng(1)
    sentences = []
    for number in range(400):
        topic = [f"{'ab'[number % 2]}{k}" for k in range(15)] + ["the", "of", "and"]
        sentences.append(list(generator.choice(topic, size=12)))
    return nw2v.Corpus.from_sentences(sentences, min_count=1)


@pytest.fixture(scope="module")
def sets():
    questions = [
        (f"a{i}", f"b{i}", f"a{j}", (f"b{j}",)) for i in range(6) for j in range(6) if i != j
    ]
    pairs = [(f"a{i}", f"{'ab'[i % 2]}{i + 1}", float(i % 2 == 0)) for i in range(12)]
    return {
        "analogies": {"topics": AnalogySet("topics", {"all": tuple(questions)})},
        "similarity": {"topics": SimilaritySet("topics", tuple(pairs))},
    }


@pytest.fixture(scope="module")
def found(corpus, sets):
    return compare(
        corpus, systems=SYSTEMS, negatives=(2,), seeds=2, **sets,
        epochs={"stream": 2, "cooccurrence": 3}, **SHARED,
    )  # fmt: skip


def test_the_same_comparison_gives_the_same_numbers(corpus, sets, found):
    again = compare(
        corpus, systems=SYSTEMS, negatives=(2,), seeds=2, **sets,
        epochs={"stream": 2, "cooccurrence": 3}, **{**SHARED, "threads": 1},
    )  # fmt: skip
    for table in ("scores", "summary", "tests", "spaces", "space_pairs", "norms"):
        pd.testing.assert_frame_equal(
            getattr(again, table), getattr(found, table), check_exact=True
        )


def test_scores_are_those_of_the_same_training_by_hand(corpus, found):
    model = nw2v.train(
        corpus, trainer="cooccurrence", loss="naive_softmax", epochs=3, seed=2, **SHARED
    )
    split = corpus.split(0.2)
    pairs = draw_heldout_pairs(split.heldout, split.vocabulary.counts)
    ref = heldout_metrics(
        pairs, model.center_vectors, model.outside_vectors, make_loss("naive_softmax"),
        split.vocabulary.counts,
    )["valid/cross_entropy"]  # fmt: skip
    scores = found.scores.set_index(["system", "seed", "vectors", "metric"])["value"]
    comp = scores["naive softmax, cooccurrence", 2, "model", CROSS_ENTROPY]
    assert comp == pytest.approx(ref, rel=1e-9)
    # What training itself has logged is the same, also with the noise that is really sampled.
    last = found.curves.groupby(["system", "seed"])["cross_entropy"].last()
    for system, seed in last.index:
        assert scores[system, seed, "model", CROSS_ENTROPY] == pytest.approx(
            last[system, seed], rel=1e-9
        )


def test_tables_are_complete(found):
    assert [system.name for system in found.systems] == [
        "naive softmax, cooccurrence", "negative sampling K=2, stream",
    ]  # fmt: skip
    metrics = 1 + 2 * 2
    assert len(found.scores) == 2 * 2 * metrics and len(found.summary) == 2 * metrics
    assert len(found.tests) == metrics
    assert (found.tests["holm"].dropna() >= found.tests["p_value"].dropna()).all()
    assert (found.summary["low"] <= found.summary["mean"]).all()
    assert found.curves.groupby(["system", "seed"]).size().tolist() == [4, 4, 3, 3]
    assert (found.costs["seconds_to_reach"] <= found.costs["seconds"]).all()
    # Two systems and each with itself, on V and on V + U.
    assert len(found.space_pairs) == 3 * 2
    assert set(found.spaces["measure"]) >= {"partition_ratio", "shifted PMI: correlation"}
    assert found.norms["words"].sum() == 4 * found.facts["vocabulary"]
    assert found.facts["unigram"] > 0


def test_initial_vectors_are_the_same_for_all_systems(corpus):
    starts = {}

    def callbacks_for(system, seed):
        class Look(nw2v.training.Callback):
            def started(self, start):
                starts[system.name, seed] = start.parameters.center_vectors.copy()

        return [Look()]

    compare(
        corpus, systems=SYSTEMS, seeds=2, callbacks_for=callbacks_for,
        epochs={"stream": 1, "cooccurrence": 1}, **SHARED,
    )  # fmt: skip
    names = {name for name, _ in starts}
    assert len(names) == 2
    for seed in (1, 2):
        first, second = (starts[name, seed] for name in sorted(names))
        np.testing.assert_array_equal(first, second)


def test_reports_say_what_was_found(found):
    text = markdown_report(found, command="nw2v compare x", pictures={"Scores": "scores.png"})
    assert text.startswith("# Naive softmax and negative sampling on ")
    assert "nw2v compare x" in text and "![Scores](scores.png)" in text
    for line in conclusions(found):
        assert f"\n- {line}\n" in text
    for name, cells in score_matrix(found).rows:
        assert f"\n| {name} | " in text and all(cell.text in text for cell in cells)
    assert legend("Bold") in text
    # There is too little held-out text to test the cross-entropies.
    assert "all 4 tests of this report as one family (each two of 2 systems," in text
    assert f"{found.facts['unigram']:.4f}" in text
    pictures = {"Scores": b"\x89PNG 1", "Time": b"\x89PNG 2"}
    page = html_report(found, command="<script>", pictures=pictures)
    for png in pictures.values():
        assert f"data:image/png;base64,{base64.b64encode(png).decode()}" in page
    assert "&lt;script&gt;" in page
    for line in conclusions(found):
        assert f"<li>{line}</li>" in page
    assert "http" not in page.replace("<!DOCTYPE html>", "") and "<script" not in page
    rows = page.count("<tr>")
    assert rows == text.count("\n| ") - text.count("| --- |")
    assert page.count(' class="best"') == text.count("**") / 2 == 5


def test_one_seed_and_no_sets_are_enough(corpus):
    found = compare(corpus, systems=SYSTEMS, seeds=1, epochs={"stream": 1, "cooccurrence": 1},
                    **SHARED)  # fmt: skip
    assert found.summary["low"].isna().all()
    assert (found.tests["better"] == "").all() and not len(found.space_pairs)
    assert "nothing is concluded from it." in markdown_report(found)


@pytest.mark.parametrize(
    ("systems", "negatives", "message"),
    [
        (["naive_softmax"], [5], "'naive_softmax' is no system: write LOSS/TRAINER"),
        (["naive_softmax/cooccurrence"], [5], "a comparison needs two systems"),
        ([], [5], "a comparison needs two systems, got none"),
        (["negative_sampling/stream"], [5, 0], "compare.negatives: expected whole numbers"),
        (["negative_sampling/stream"], [5, 5], "a comparison needs two systems"),
    ],
)
def test_systems_that_make_no_comparison(systems, negatives, message):
    with pytest.raises(InputError, match=message):
        read_systems(systems, negatives)


def test_what_is_known_is_told_after_each_training(corpus):
    lengths = []
    found = compare(
        corpus, systems=SYSTEMS, seeds=1, epochs={"stream": 1, "cooccurrence": 2},
        after_training=lambda scores, curves: lengths.append((len(scores), len(curves))),
        **SHARED,
    )  # fmt: skip
    assert lengths == [(1, 3), (2, 5)] and len(found.scores) == 2
    settings = found.settings.set_index(["system", "setting"])["value"]
    assert settings["naive softmax, cooccurrence", "epochs"] == 2
    assert settings["naive softmax, cooccurrence", "weight_decay"] == 2.0
    assert settings["negative sampling K=5, stream", "learning_rate"] > 0


def test_each_k_is_a_system_of_its_own():
    names = [system.name for system in read_systems(["negative_sampling/stream"], [1, 15])]
    assert names == ["negative sampling K=1, stream", "negative sampling K=15, stream"]


def test_a_text_of_which_nothing_can_be_held_out():
    short = nw2v.Corpus.from_sentences([["one", "two", "three"]], min_count=1)
    with pytest.raises(InputError, match="nothing can be held out of sentences"):
        compare(short, systems=SYSTEMS, seeds=1, **SHARED)


def test_sets_of_one_name_are_told_apart(found):
    assert found.facts["known"] == {"analogies topics": (30, 30), "similarity topics": (12, 12)}
