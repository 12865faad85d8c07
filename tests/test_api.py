"""`nw2v.train` and `nw2v.load`, as a Python program uses them."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import numpy as np
import pandas as pd
import pytest

import nw2v
from nw2v import api
from nw2v.api import Model
from nw2v.training import Callback, Pruned
from nw2v.training.cooccurrence import CooccurrenceTrainer
from tests.training.texts import topical_sentences


def new_corpus() -> nw2v.Corpus:
    sentences = [[f"w{word:02}" for word in sentence] for sentence in topical_sentences(1500)]
    return nw2v.Corpus.from_sentences(sentences, min_count=2)


@pytest.fixture(scope="module")
def corpus():
    return new_corpus()


QUICK: dict[str, Any] = {
    "dim": 12,
    "window": 3,
    "subsample": 0.0,
    "evaluation_subsample": 0.0,
    "threads": 1,
}


@pytest.fixture(scope="module")
def model(corpus):
    return nw2v.train(corpus, epochs=4, learning_rate=0.1, **QUICK)


@pytest.mark.parametrize("loss", ["negative_sampling", "naive_softmax"])
def test_training_lowers_the_heldout_cross_entropy_below_the_unigram_baseline(corpus, loss):
    model = nw2v.train(corpus, loss=loss, epochs=6, learning_rate=0.1, **QUICK)
    curve = model.history.dropna(subset=["valid/cross_entropy"])
    assert curve["step"].iloc[0] == 0
    assert len(curve) == 7
    cross_entropy = curve["valid/cross_entropy"].to_numpy()
    assert cross_entropy[0] == pytest.approx(np.log(40), abs=0.05)
    assert cross_entropy[-1] == cross_entropy.min()
    # The four topics of ten words each are worth log 4 = 1.39 nats.
    gain = model.metrics["valid/cross_entropy_unigram"] - model.metrics["valid/cross_entropy"]
    assert gain > 0.8
    assert model.metrics["valid/perplexity"] == pytest.approx(
        np.exp(model.metrics["valid/cross_entropy"])
    )


def test_a_model_has_what_the_contract_says(model):
    words, dim = len(model.vocabulary), 12
    assert words == 40
    for vectors in (model.center_vectors, model.outside_vectors):
        assert vectors.shape == (words, dim) and vectors.dtype == np.float32
    assert isinstance(model.vectors, nw2v.WordVectors)
    word = model.vocabulary.words[0]
    np.testing.assert_array_equal(model.vectors[word], model.center_vectors[0])
    total = model.word_vectors("sum")[word]
    np.testing.assert_allclose(total, model.center_vectors[0] + model.outside_vectors[0])
    neighbor, similarity = model.vectors.most_similar(word, top=1)[0]
    assert neighbor[1] == word[1] and similarity > 0.5
    assert {"train/loss", "train/words_per_second", "train/seconds"} <= set(model.metrics)


def test_save_and_load_give_the_same_model(model, tmp_path):
    model.save(tmp_path / "run")
    loaded = nw2v.load(tmp_path / "run")
    np.testing.assert_array_equal(loaded.center_vectors, model.center_vectors)
    np.testing.assert_array_equal(loaded.outside_vectors, model.outside_vectors)
    assert list(loaded.vocabulary.words) == list(model.vocabulary.words)
    assert loaded.metrics == pytest.approx(model.metrics)
    pd.testing.assert_frame_equal(loaded.history, model.history)
    assert json.loads((tmp_path / "run" / "metrics.json").read_text())["train/loss"] > 0


def test_the_same_seed_repeats_bit_for_bit_and_another_does_not(corpus, model):
    again = nw2v.train(corpus, epochs=4, learning_rate=0.1, **QUICK)
    np.testing.assert_array_equal(again.center_vectors, model.center_vectors)
    other = nw2v.train(corpus, epochs=4, learning_rate=0.1, seed=2, **QUICK)
    assert (other.center_vectors != model.center_vectors).any()
    # The split does not follow the seed: both are measured on the same pairs.
    assert (
        other.metrics["valid/cross_entropy_unigram"] == model.metrics["valid/cross_entropy_unigram"]
    )


def test_evaluate_adds_its_metrics_after_each_pass(corpus):
    model = nw2v.train(
        corpus, epochs=2, evaluate=lambda m: {"my/norm": float(m.center_vectors.std())}, **QUICK
    )
    assert model.history["my/norm"].notna().sum() == 2


@pytest.mark.parametrize("value", [np.float32(0.5), np.array(0.5), np.bool_(True), 1, True])
def test_numbers_of_all_kinds_are_metrics_that_can_be_saved(corpus, tmp_path, value):
    model = nw2v.train(corpus, epochs=1, evaluate=lambda m: {"my/number": value}, **QUICK)
    assert type(model.metrics["my/number"]) is float
    model.save(tmp_path)
    loaded = nw2v.load(tmp_path)
    assert loaded.metrics == pytest.approx(model.metrics)
    assert loaded.history["my/number"].iloc[-1] == float(value)


@pytest.mark.parametrize(
    ("metrics", "message"),
    [
        ({"mine": "0.5"}, "the metric mine is '0.5', a str: expected a number"),
        ({"mine": None}, "the metric mine is 'None', a NoneType: expected a number"),
        ({"mine": np.ones(1)}, "the metric mine is .* a ndarray: expected a number"),
        ({"mine": 1j}, "the metric mine is '1j', a complex: expected a number"),
        ({"mine": [[1], [1, 2]]}, "the metric mine is .* a list: expected a number"),
        ({"mine": np.ma.masked}, "the metric mine is .* a MaskedConstant: expected a number"),
        ({"mine": np.complex64(1)}, "the metric mine is .* a complex64: expected a number"),
        ({"mine\ud800": 1}, "no text in UTF-8"),
        ({1: 0.5}, "a metric is called 1: expected a text"),
        ({"": 0.5}, "a metric is called '': expected a text"),
        ({"step": 0.5}, "'step', a name that nw2v uses itself"),
        ({"train/loss": 0.5}, "'train/loss', a name that nw2v uses itself"),
        ({"valid/loss": 0.5}, "'valid/loss', a name that nw2v uses itself"),
        (None, "evaluate returned a NoneType: expected a mapping"),
        ([("mine", 0.5)], "evaluate returned a list: expected a mapping"),
    ],
)
def test_what_is_no_metric_is_refused_by_name(corpus, metrics, message):
    with pytest.raises(nw2v.InputError, match=message):
        nw2v.train(corpus, epochs=1, evaluate=lambda m: metrics, **QUICK)


def test_valid_names_are_nw2vs_own_without_a_heldout_part_too(corpus):
    with pytest.raises(nw2v.InputError, match="a name that nw2v uses itself"):
        nw2v.train(
            corpus, epochs=1, heldout_fraction=0, evaluate=lambda m: {"valid/mine": 1.0}, **QUICK
        )


def test_a_number_may_be_of_a_type_that_is_no_array(corpus):
    class Tensor:
        ndim = 0

        def __array__(self, *arguments, **keywords):
            raise RuntimeError("no array while gradients are asked for")

        def __float__(self):
            return 0.25

    value: Any = Tensor()
    model = nw2v.train(corpus, epochs=1, evaluate=lambda m: {"mine": value}, **QUICK)
    assert model.metrics["mine"] == 0.25


def test_what_evaluates_is_a_function(corpus):
    wrong: Any = 3
    with pytest.raises(nw2v.InputError, match="evaluate: expected a function of a model, got 3"):
        nw2v.train(corpus, evaluate=wrong, **QUICK)


def test_a_metric_that_cannot_be_saved_leaves_the_folder_as_it_was(model, tmp_path):
    model.save(tmp_path)
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    wrong: dict[str, Any] = {"mine": "bad"}
    other = Model(model.center_vectors + 1, model.outside_vectors, model.vocabulary, metrics=wrong)
    with pytest.raises(nw2v.InputError, match="the metric mine"):
        other.save(tmp_path)
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before


def test_without_a_heldout_part_there_are_no_valid_metrics(corpus):
    model = nw2v.train(corpus, epochs=1, heldout_fraction=0.0, **QUICK)
    assert not any(name.startswith("valid/") for name in model.metrics)


def test_an_interrupt_gives_the_model_so_far(corpus):
    class Impatient(Callback):
        def step(self, report):
            raise KeyboardInterrupt

    with pytest.raises(nw2v.Interrupted) as interrupted:
        nw2v.train(corpus, epochs=4, learning_rate=0.1, callbacks=[Impatient()], **QUICK)
    assert interrupted.value.model.outside_vectors.any()


def test_a_pruned_training_keeps_the_model_so_far(corpus):
    class Prune(Callback):
        def epoch(self, report):
            if report.epoch == 1:
                raise Pruned(report.epoch)

    with pytest.raises(Pruned, match="pruned after pass 1") as pruned:
        nw2v.train(corpus, epochs=4, learning_rate=0.1, callbacks=[Prune()], **QUICK)
    assert pruned.value.model.outside_vectors.any()
    assert pruned.value.model.history["train/loss"].notna().any()


def test_bad_settings_are_refused_in_the_users_words(corpus):
    with pytest.raises(nw2v.InputError, match=r"model\.dim=0"):
        nw2v.train(corpus, dim=0)


@pytest.mark.parametrize("content", ["{", "[]"])
def test_malformed_metrics_are_refused(model, tmp_path, content):
    model.save(tmp_path)
    (tmp_path / "metrics.json").write_text(content)
    with pytest.raises(nw2v.InputError, match=r"metrics\.json"):
        nw2v.load(tmp_path)


def test_importing_nw2v_imports_nothing_heavy():
    heavy = ["numpy", "numba", "pandas", "scipy", "mlflow", "hydra", "matplotlib"]
    code = f"import sys, nw2v; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("wrong", [None, "text.txt", [["a", "b"]]])
def test_what_is_no_corpus_is_refused_with_advice(wrong):
    with pytest.raises(nw2v.InputError, match=r"Corpus\.from_sentences"):
        nw2v.train(wrong)


class Told(Callback):
    """Remembers its moments, and raises an error in one of them."""

    def __init__(self, moment: str = "", error: BaseException | None = None) -> None:
        self.moment, self.error = moment, error
        self.moments: list[Any] = []

    def reached(self, moment: str) -> None:
        self.moments.append(moment)
        if self.error is not None and moment == self.moment:
            raise self.error

    def counting(self, done, total):
        self.reached("counting")

    def started(self, start):
        self.reached("started")

    def finished(self, report):
        self.reached("finished")

    def failed(self, error):
        self.moments.append(error)


def test_callbacks_may_come_from_a_generator(corpus):
    told = Told()
    nw2v.train(corpus, epochs=1, callbacks=(one for one in [told]), **QUICK)
    assert told.moments == ["started", "finished"]


@pytest.mark.parametrize(
    ("error", "raised"),
    [
        (KeyboardInterrupt(), nw2v.Interrupted),
        (Pruned(0), Pruned),
        (ZeroDivisionError(), ZeroDivisionError),
    ],
)
@pytest.mark.parametrize("moment", ["counting", "started"])
def test_what_is_raised_before_training_has_a_model_and_is_told(error, raised, moment):
    first, told, last = Told(), Told(moment, error), Told()
    with pytest.raises(raised) as found:
        nw2v.train(new_corpus(), trainer="cooccurrence", callbacks=[first, told, last], **QUICK)
    assert told.moments[-2:] == [moment, error]
    assert first.moments[-2:] == [moment, error]
    # Who has heard of nothing hears of no failure.
    assert last.moments == ([] if moment == "counting" else ["counting", error])
    if raised is not ZeroDivisionError:
        model = found.value.model
        assert model.steps == 0 and model.center_vectors.shape == (40, 12)


@pytest.mark.parametrize("place", ["trainer_on_counts", "fit.prepare", "fit.evaluate"])
def test_who_was_told_of_the_counting_is_told_of_any_failure(place, monkeypatch):
    told, error = Told(), MemoryError("too much")

    def fail(*arguments, **keywords):
        raise error

    if place == "trainer_on_counts":
        monkeypatch.setattr(api, "trainer_on_counts", fail)
    elif place == "fit.prepare":
        monkeypatch.setattr(CooccurrenceTrainer, "prepare", fail)
    else:
        monkeypatch.setattr(api, "heldout_metrics", fail)
    with pytest.raises(MemoryError):
        nw2v.train(new_corpus(), trainer="cooccurrence", callbacks=[told], **QUICK)
    assert "counting" in told.moments and told.moments[-1] is error
    assert told.moments.count(error) == 1


@pytest.mark.parametrize("wrong", [None, Callback(), 1])
def test_callbacks_are_a_list(corpus, wrong):
    with pytest.raises(nw2v.InputError, match="list of callbacks"):
        nw2v.train(corpus, callbacks=wrong)


@pytest.mark.parametrize("words", [2, 10])
def test_the_defaults_train_on_toy_vocabularies(words):
    generator = np.random.default_rng(0)
    sentences = [[f"w{w}" for w in generator.integers(0, words, 20)] for _ in range(500)]
    model = nw2v.train(nw2v.Corpus.from_sentences(sentences), threads=2)
    assert np.isfinite(model.center_vectors).all()
