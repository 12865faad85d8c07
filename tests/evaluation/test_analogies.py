from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from nw2v.errors import InputError
from nw2v.evaluation import AnalogySet, analogies, evaluate_analogies
from nw2v.vectors import WordVectors
from tests import naive


def random_vectors(words: list[str], dim: int = 20, seed: int = 0) -> WordVectors:
    # A common direction makes cosines large, and answers other than the nearest neighbours rare.
    rng = np.random.default_rng(seed)
    return WordVectors(words, rng.standard_normal((len(words), dim)) + rng.standard_normal(dim))


def random_set(words: list[str], sections: int = 3, questions: int = 60, seed: int = 1):
    rng = np.random.default_rng(seed)
    return AnalogySet(
        "random",
        {
            f"section-{s}": [tuple(rng.choice(words, 4, replace=False)) for _ in range(questions)]
            for s in range(sections)
        },
    )


def planted(pairs: int = 12, noise: float = 0.15) -> tuple[WordVectors, AnalogySet]:
    """Vectors in which most analogies come out right."""
    rng = np.random.default_rng(5)
    stems = rng.standard_normal((pairs, 30))
    suffix = rng.standard_normal(30)
    vectors = np.concatenate(
        [
            stems,
            stems + suffix + noise * rng.standard_normal(stems.shape),
            rng.normal(size=(99, 30)),
        ]
    )
    words = [f"a{i}" for i in range(pairs)] + [f"b{i}" for i in range(pairs)]
    words += [f"other{i}" for i in range(99)]
    questions = [
        (f"a{i}", f"b{i}", f"a{j}", f"b{j}") for i in range(pairs) for j in range(pairs) if i != j
    ]
    return WordVectors(words, vectors), AnalogySet("planted", {"suffix": questions})


@pytest.mark.parametrize("method", ["3cosadd", "3cosmul"])
@settings(max_examples=25)
@given(seed=st.integers(0, 2**32), size=st.integers(4, 400), dim=st.integers(2, 12))
@example(seed=224, size=224, dim=2)
@example(seed=5093293, size=219, dim=2)
def test_predictions_equal_the_naive_ones(method, seed, size, dim):
    words = [f"w{i}" for i in range(size)]
    vectors = random_vectors(words, dim, seed)
    questions = random_set(words, sections=2, questions=20, seed=seed)
    scores = evaluate_analogies(vectors, questions, method)
    for question, predicted in zip(scores.asked, scores.predictions, strict=True):
        expected, margin = naive.analogy(
            vectors.words, vectors.vectors, question.a, question.b[0], question.c, method
        )
        # Cosines of float32 vectors of a few dimensions.
        assert predicted == expected or margin < 2e-7


@pytest.mark.parametrize("method", ["3cosadd", "3cosmul"])
def test_many_words_and_blocks(method, monkeypatch):
    words = [f"w{i}" for i in range(700)]
    vectors, questions = random_vectors(words), random_set(words, questions=100)
    whole = evaluate_analogies(vectors, questions, method, threads=1)
    monkeypatch.setattr(analogies, "_BLOCK_WORDS", 37)
    monkeypatch.setattr(analogies, "_CHUNK_WORDS", 10)
    pieces = evaluate_analogies(vectors, questions, method, threads=3)
    assert whole.predictions == pieces.predictions


def test_agrees_with_the_query_of_word_vectors():
    vectors, questions = planted()
    for method in ("3cosadd", "3cosmul"):
        scores = evaluate_analogies(vectors, questions, method)
        asked = [
            vectors.analogy(q.a, q.b[0], q.c, top=1, method=method)[0][0] for q in scores.asked
        ]
        assert list(scores.predictions) == asked
        assert scores.accuracy > 0.5


def write_google(questions: AnalogySet, path: Path) -> Path:
    lines = []
    for section, asked in questions.sections.items():
        lines.append(f": {section}")
        lines += [f"{q.a} {q.b[0]} {q.c} {q.answers[0]}" for q in asked]
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


@pytest.mark.parametrize("unknown_counts", [False, True])
@pytest.mark.parametrize("limit", [None, 300])
@pytest.mark.parametrize("mixed_case", [False, True])
def test_the_same_as_gensim(tmp_path, unknown_counts, limit, mixed_case):
    pytest.importorskip("gensim")
    rng = np.random.default_rng(3)
    words = [f"w{i}" for i in range(500)]
    words[:24], words[100:124] = [f"a{i}" for i in range(24)], [f"b{i}" for i in range(24)]
    if mixed_case:
        words[40:52] = [f"A{i}" for i in range(12)]
        words[350:362] = [f"B{i}" for i in range(12)]
    table = rng.standard_normal((500, 25)) + 0.5
    table[100:124] = table[:24] + rng.standard_normal(25) + 0.4 * rng.standard_normal((24, 25))
    vectors = WordVectors(words, table)
    made = [
        (f"A{i}", f"b{i}", f"a{j}", f"B{j}") for i in range(24) for j in range(24) if i != j
    ] + [("A1", "nothing", "a2", "B2"), ("w1", "w2", "w400", "w3")]
    questions = AnalogySet(
        "x", {"made": made, "any": list(random_set(words).sections["section-0"])}
    )

    score, sections = vectors.to_gensim().evaluate_word_analogies(
        str(write_google(questions, tmp_path / "x.txt")),
        restrict_vocab=limit or len(words),
        case_insensitive=True,
        dummy4unknown=unknown_counts,
    )
    ours = evaluate_analogies(vectors, questions, max_words=limit, fold_case=mixed_case)

    assert (ours.accuracy_of_all if unknown_counts else ours.accuracy) == score
    assert 0.1 < score < 1
    for section, correct, answerable in zip(
        sections[:-1], ours.correct, ours.answerable, strict=True
    ):
        assert len(section["correct"]) == correct
        if not unknown_counts:
            assert len(section["correct"]) + len(section["incorrect"]) == answerable
    right = [
        tuple(word.upper() for word in (q.a, q.b[0], q.c, q.answers[0]))
        for q, is_right in zip(ours.asked, ours.right, strict=True)
        if is_right
    ]
    assert right == sections[-1]["correct"]


def test_question_words_are_never_the_answer():
    vectors = WordVectors(["a", "b", "c", "d"], np.array([[1, 0], [0, 1], [0.1, 1], [-1, -1]]))
    scores = evaluate_analogies(vectors, AnalogySet("x", {"s": [("a", "b", "c", "d")]}))
    assert scores.predictions == ("d",)
    scores = evaluate_analogies(vectors, AnalogySet("x", {"s": [("a", "b", "c", "b")]}))
    assert (scores.accuracy, scores.coverage) == (0, 1)


def test_no_word_left_to_answer_with():
    vectors = WordVectors(["a", "b", "c"], np.eye(3))
    scores = evaluate_analogies(vectors, AnalogySet("x", {"s": [("a", "b", "c", "a")]}))
    assert scores.predictions == (None,)
    assert (scores.accuracy, scores.coverage) == (0, 1)


def test_ties_go_to_the_most_frequent_word():
    vectors = WordVectors(
        ["a", "b", "c", "x", "y"], np.array([[1, 0], [0, 1], [1, 1], [1, 2], [1, 2]])
    )
    scores = evaluate_analogies(vectors, AnalogySet("x", {"s": [("a", "b", "c", "x")]}))
    assert scores.predictions == ("x",)


def test_zero_vectors_do_no_harm():
    vectors = WordVectors(["a", "b", "c", "d", "zero"], np.vstack([np.eye(4), np.zeros(4)]))
    questions = AnalogySet("x", {"s": [("a", "b", "zero", "d"), ("a", "b", "c", "zero")]})
    for method in ("3cosadd", "3cosmul"):
        assert None not in evaluate_analogies(vectors, questions, method).predictions


def test_words_are_found_without_regard_to_case_where_they_must():
    vectors = WordVectors(["turkey", "Turkey", "ATHENS", "Athens", "x", "y"], np.eye(6))
    questions = AnalogySet("x", {"s": [("Turkey", "x", "y", "athens")]})
    scores = evaluate_analogies(vectors, questions)
    assert scores.coverage == 1
    # As written: "turkey" is a word of its own and may be the answer. Folded: it may not.
    assert evaluate_analogies(vectors, questions, fold_case=False).predictions == ("turkey",)
    assert evaluate_analogies(vectors, questions, fold_case=True).predictions == ("ATHENS",)
    assert evaluate_analogies(vectors, questions, fold_case=True).accuracy == 1


def test_any_of_several_answers_is_right_and_b_is_the_first_known():
    vectors, _ = planted()
    questions = AnalogySet(
        "x", {"s": [("a0", ("unknown", "b0"), "a1", ("nothing", "b1", "other3"))] * 2}
    )
    scores = evaluate_analogies(vectors, questions)
    assert (scores.accuracy, scores.coverage) == (1, 1)
    unknown = AnalogySet("x", {"s": [("a0", ("no", "none"), "a1", "b1"), ("a0", "b0", "a1", "no")]})
    assert evaluate_analogies(vectors, unknown).coverage == 0


def scores_of_two_sections():
    vectors, planted_set = planted()
    questions = AnalogySet(
        "my set/1",
        {
            "E01 [country - capital]": planted_set.sections["suffix"][:5],
            "accuracy": [("a0", "b0", "a1", "other5"), ("a0", "b0", "a1", "unknown")],
            "unknown": [("no", "b0", "a1", "b1")],
        },
    )
    return evaluate_analogies(vectors, questions)


def test_micro_and_macro():
    scores = scores_of_two_sections()
    assert scores.questions.tolist() == [5, 2, 1]
    assert scores.answerable.tolist() == [5, 1, 0]
    right = int(scores.correct[0])
    assert right >= 4
    assert scores.correct.tolist() == [right, 0, 0]
    assert scores.accuracy == right / 6
    assert scores.accuracy_of_all == right / 8
    assert scores.coverage == 6 / 8
    assert scores.macro_accuracy == pytest.approx((right / 5 + 0) / 2)
    assert scores.macro_accuracy_of_all == pytest.approx(right / 5 / 3)


def test_metric_names_are_legal_and_values_are_numbers():
    metrics = scores_of_two_sections().metrics("my set/1", first=True)
    assert list(metrics) == [
        "analogy/my set_1/accuracy",
        "analogy/my set_1/coverage",
        "analogy/accuracy",
        "analogy/coverage",
        "analogy/my set_1/E01 _country - capital",
        "analogy/my set_1/accuracy_2",
    ]
    assert metrics["analogy/accuracy"] == metrics["analogy/my set_1/accuracy"]
    assert all(type(value) is float and 0 <= value <= 1 for value in metrics.values())


def test_nothing_answerable():
    vectors, _ = planted()
    scores = evaluate_analogies(vectors, AnalogySet("x", {"s": [("no", "no", "no", "no")]}))
    assert scores.metrics() == {"analogy/x/coverage": 0.0}
    assert np.isnan(scores.accuracy) and np.isnan(scores.macro_accuracy)
    assert scores.accuracy_of_all == 0


def test_tables():
    scores = scores_of_two_sections()
    table = scores.to_pandas().set_index("section")
    assert table.loc["E01 [country - capital]", "accuracy"] == scores.correct[0] / 5
    assert np.isnan(table.loc["unknown", "accuracy"])
    assert table["questions"].sum() == 8
    questions = scores.questions_to_pandas()
    assert questions["right"].sum() == scores.correct.sum()
    assert questions["prediction"].isna().sum() == 2


@pytest.mark.parametrize("limit", [0, -1, 2.5, True])
def test_bad_max_words(limit):
    vectors, questions = planted()
    with pytest.raises(InputError, match="max_words must be an integer of at least 1"):
        evaluate_analogies(vectors, questions, max_words=limit)


def test_bad_method_and_threads():
    vectors, questions = planted()
    with pytest.raises(InputError, match="unknown analogy method '3cos': expected 3cosadd or"):
        evaluate_analogies(vectors, questions, "3cos")
    with pytest.raises(InputError, match="threads must be an integer of at least 1, got 0"):
        evaluate_analogies(vectors, questions, threads=0)


def test_max_words_may_exceed_the_vocabulary():
    vectors, questions = planted()
    few = evaluate_analogies(vectors, questions, max_words=20)
    assert 0 < few.coverage < 1
    assert evaluate_analogies(vectors, questions, max_words=10**9).coverage == 1


def test_answered_are_the_questions_with_a_prediction():
    vectors = random_vectors(["a", "b", "c", "d", "x"])
    questions = AnalogySet(
        "mine", {"s": [("a", "b", "c", "d"), ("a", "b", "c", "no"), ("no", "b", "c", "d")]}
    )
    scores = evaluate_analogies(vectors, questions)
    assert scores.answered.tolist() == [True, False, False]
    assert scores.right[~scores.answered].sum() == 0
