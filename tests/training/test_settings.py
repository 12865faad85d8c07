"""Settings: what is refused, and what unset values become."""

from __future__ import annotations

import inspect
import math
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import nw2v
from nw2v.cores import available_cores
from nw2v.errors import InputError
from nw2v.training import naive_softmax_pass
from nw2v.training.settings import (
    CONFIGURATION_KEYS,
    STUDIED_DEFAULTS,
    TrainingSettings,
    most_outside_words,
)
from tests.training.texts import topical_sentences


@pytest.mark.parametrize(
    ("keyword", "value", "key"),
    [
        ("dim", 0, "model.dim=0"),
        ("dim", 2.5, "model.dim=2.5"),
        ("dim", True, "model.dim=True"),
        ("dim", 10**6, "model.dim=1000000"),
        ("window", 0, "model.window=0"),
        ("negatives", -1, "loss.negatives=-1"),
        ("negatives", "5", "loss.negatives='5'"),
        ("noise_exponent", math.inf, "loss.noise_exponent=inf"),
        ("learning_rate", math.nan, "trainer.learning_rate=nan"),
        ("learning_rate", 0, "trainer.learning_rate=0"),
        ("min_learning_rate", -1e-9, "trainer.min_learning_rate=-1e-09"),
        ("epochs", 0, "trainer.epochs=0"),
        ("threads", 0, "trainer.threads=0"),
        ("deterministic", 1, "trainer.deterministic=1"),
        ("subsample", -1, "model.subsample=-1"),
        ("subsample", "often", "model.subsample='often'"),
        ("initial_scale", 0.0, "model.initial_scale=0.0"),
        ("heldout_fraction", 2, "evaluation.heldout_fraction=2"),
        ("split_seed", -1, "evaluation.split_seed=-1"),
        ("evaluation_window", 0, "evaluation.window=0"),
        ("evaluation_subsample", None, "evaluation.subsample=None"),
        ("heldout_centers", 0, "evaluation.heldout_centers=0"),
        ("seed", 2**63, "seed=9223372036854775808"),
        ("loss", "hinge", "loss='hinge'"),
        ("trainer", "batch", "trainer='batch'"),
    ],
)
def test_a_value_out_of_range_is_refused_by_its_configuration_key(keyword, value, key):
    with pytest.raises(InputError) as refusal:
        TrainingSettings(**{keyword: value})
    message = str(refusal.value)
    assert message.startswith(f"{key}: expected ")
    assert "\n" not in message


def test_a_minimum_above_the_learning_rate_is_refused():
    with pytest.raises(InputError, match=r"trainer\.min_learning_rate=0\.2 is above"):
        TrainingSettings(learning_rate=0.1, min_learning_rate=0.2)


def test_passes_over_counts_grow_with_the_negatives():
    def passes(**given):
        return TrainingSettings(trainer="cooccurrence", **given).resolved().epochs

    assert [passes(negatives=k) for k in (1, 5, 15, 30, 10_000)] == [20, 20, 35, 49, 100]
    assert passes(loss="naive_softmax", negatives=15) == 20
    assert passes(negatives=15, epochs=7) == 7
    assert passes(negatives=15, optimizer="lbfgs") == 100
    assert TrainingSettings(negatives=15).resolved().epochs == 5


@pytest.mark.parametrize(("loss", "trainer"), STUDIED_DEFAULTS)
def test_unset_values_become_the_studied_defaults(loss, trainer):
    resolved = TrainingSettings(loss=loss, trainer=trainer).resolved()
    rate, epochs = STUDIED_DEFAULTS[loss, trainer]
    assert (resolved.learning_rate, resolved.epochs) == (rate, epochs)
    assert resolved.min_learning_rate == pytest.approx(rate / 250)
    assert resolved.threads == available_cores() >= 1
    assert resolved.resolved() is resolved


def test_given_values_stay():
    given = TrainingSettings(learning_rate=0.01, epochs=3, min_learning_rate=0.0, threads=7)
    resolved = given.resolved()
    assert (resolved.learning_rate, resolved.epochs) == (0.01, 3)
    assert (resolved.min_learning_rate, resolved.threads) == (0.0, 7)


def test_numbers_of_other_packages_become_pythons_own():
    whole: dict[str, Any] = {"dim": np.uint8(200), "window": np.int8(100), "epochs": np.int16(3)}
    others: dict[str, Any] = {"learning_rate": Fraction(1, 4), "subsample": np.float16(0.5)}
    settings = TrainingSettings(**whole, **others).as_dict()
    for name, value in (whole | others).items():
        assert settings[name] == value
        assert type(settings[name]) is (int if name in whole else float)


def test_the_default_rate_knows_how_far_sentences_reach():
    skewed, wide = np.array([1000, 10, 10]), TrainingSettings(window=1000)
    as_wide_as_sentences = TrainingSettings(window=9)
    sentences = np.arange(101) * 11  # each word has 10 others
    rate = wide.resolved(skewed, sentences).learning_rate
    assert rate == as_wide_as_sentences.resolved(skewed).learning_rate
    assert rate is not None and rate > 50 * (wide.resolved(skewed).learning_rate or 1.0)
    usual = TrainingSettings(window=5)
    assert usual.resolved(skewed, sentences) == usual.resolved(skewed)


@pytest.mark.parametrize(
    ("offsets", "expected"),
    [
        (None, 11),
        ([0], 11),
        ([0, 1, 2], 1),
        ([0, 1, 4, 4], (1 * 0 + 3 * 2) / 4),
        ([0, 100, 101], 11),
    ],
)
def test_windows_have_no_more_outside_words_than_sentences(offsets, expected):
    given = None if offsets is None else np.array(offsets)
    assert most_outside_words(10, True, given) == expected
    assert most_outside_words(10, False, given) == (20 if expected == 11 else expected)


def test_train_and_settings_have_the_same_keywords_and_defaults():
    parameters = inspect.signature(nw2v.train).parameters
    keywords = {name: p.default for name, p in parameters.items()}
    for name in ("corpus", "evaluate", "callbacks"):
        del keywords[name]
    assert keywords == TrainingSettings().as_dict()
    assert set(keywords) == set(CONFIGURATION_KEYS)


def test_the_default_rate_is_lowered_where_a_word_is_pushed_too_hard():
    plenty, skewed = np.full(10_000, 100), np.array([1000, 10, 10])
    usual = STUDIED_DEFAULTS["negative_sampling", "stream"][0]
    assert TrainingSettings().resolved(plenty).learning_rate == usual
    lowered = TrainingSettings().resolved(skewed).learning_rate
    assert lowered is not None and 0 < lowered < usual
    assert TrainingSettings(learning_rate=0.3).resolved(skewed).learning_rate == 0.3
    softmax = TrainingSettings(loss="naive_softmax").resolved(skewed)
    assert softmax.learning_rate == STUDIED_DEFAULTS["naive_softmax", "stream"][0]


@pytest.mark.parametrize(
    ("passes", "part"), [(1, 1), (5, 1), (10, 0.5**0.5), (20, 0.5), (45, 1 / 3)]
)
def test_the_default_rate_falls_with_the_passes_beyond_five(passes, part):
    usual = STUDIED_DEFAULTS["negative_sampling", "stream"][0]
    resolved = TrainingSettings(epochs=passes).resolved()
    assert resolved.learning_rate == pytest.approx(part * usual)
    assert resolved.min_learning_rate == pytest.approx(part * usual / 250)
    assert TrainingSettings(epochs=passes, learning_rate=0.3).resolved().learning_rate == 0.3
    skewed = np.array([10_000, 10, 10])
    lowered = TrainingSettings().resolved(skewed).learning_rate
    assert lowered is not None and lowered < usual / 2
    both = TrainingSettings(epochs=passes).resolved(skewed).learning_rate
    assert both == pytest.approx(min(lowered, part * usual))


@pytest.mark.parametrize(
    ("window", "windows", "words", "length", "rate"),
    [
        (5, None, 10, 100, 0.1),
        (5, 1, 10, 100, 0.1),
        (10, 1, 10, 100, 0.1),
        (50, 1, 10, 1000, 2 / 100),
        (50, 1, 10, 41, 2 / 40),
        (50, 1, 10, 3, 0.1),
        (5, 16, 1000, 100, 0.1),
        (5, 16, 100, 100, 0.08 / (15 * 6 / 100)),
        (5, 4096, 1000, 100, 0.08 / (4095 * 6 / 1000)),
        (5, 4096, 1000, 3, 0.08 / (4095 * 2 / 1000)),
        (50, 2, 1000, 1000, 2 / 100),
    ],
)
def test_the_default_rate_of_the_softmax_knows_its_windows(window, windows, words, length, rate):
    given = TrainingSettings(
        loss="naive_softmax", window=window, batch_windows=windows, subsample=0
    )
    counts, offsets = np.full(words, 10), np.arange(50) * length
    assert given.resolved(counts, offsets).learning_rate == pytest.approx(rate)
    assert replace(given, learning_rate=0.3).resolved(counts, offsets).learning_rate == 0.3
    assert given.resolved().learning_rate == 0.1
    nothing = given.resolved(np.zeros(words, dtype=int), np.array([0])).learning_rate
    assert nothing is not None and 0 < nothing <= 0.1


def test_one_long_sentence_and_one_frequent_word_lower_the_softmaxs_rate():
    wide = TrainingSettings(loss="naive_softmax", window=50)
    offsets = np.cumsum([0, *[5] * 1000, 141])
    assert wide.resolved(np.full(100, 10), offsets).learning_rate == pytest.approx(2 / 100)
    many = TrainingSettings(loss="naive_softmax", batch_windows=32, subsample=0)
    skewed = np.array([1000, *[1] * 1000])
    usual = many.resolved(np.full(1001, 2), np.arange(50) * 40).learning_rate
    lowered = many.resolved(skewed, np.arange(50) * 40).learning_rate
    assert usual is not None and lowered is not None and lowered < usual / 100


@pytest.mark.parametrize(("window", "windows"), [(5, 64), (5, 1024), (50, 1), (50, 16)])
def test_many_pairs_a_step_train_at_the_default_rate(window, windows):
    text = [[f"w{word:02}" for word in sentence] for sentence in topical_sentences(3000)]
    text += [[word for sentence in text[-50:] for word in sentence]]  # one with wide windows
    model = nw2v.train(
        nw2v.Corpus.from_sentences(text, min_count=1), loss="naive_softmax", dim=12,
        subsample=0, evaluation_subsample=0, window=window, batch_windows=windows, epochs=3,
        threads=1,
    )  # fmt: skip
    assert model.metrics["valid/cross_entropy"] < model.metrics["valid/cross_entropy_unigram"]


def test_a_lowest_rate_is_compared_with_the_default_one_of_the_text():
    lowest: dict[str, Any] = {"loss": "naive_softmax", "batch_windows": 512, "dim": 4, "threads": 1}
    corpus = nw2v.Corpus.from_sentences([["a", "b", "c"]] * 50, min_count=1)
    nw2v.train(corpus, **lowest, min_learning_rate=1e-4, subsample=0, heldout_fraction=0)
    with pytest.raises(InputError, match=r"0\.000234834, the default .* for 512 windows a step: "):
        nw2v.train(corpus, **lowest, min_learning_rate=0.001, subsample=0, heldout_fraction=0)


def test_a_step_whose_logits_take_too_much_memory_is_refused(monkeypatch):
    monkeypatch.setattr(naive_softmax_pass, "MOST_LOGITS", 4 << 20)
    corpus = nw2v.Corpus.from_sentences([[f"w{k}" for k in range(600)]] * 5, min_count=1)
    given: dict[str, Any] = {"loss": "naive_softmax", "dim": 4, "subsample": 0, "threads": 1}
    message = r"batch_windows=4096: .* 600 words take 9 MiB, more than 4: lower it or corpus"
    with pytest.raises(InputError, match=message):
        nw2v.train(corpus, **given, batch_windows=4096)
    nw2v.train(corpus, **given, batch_windows=1024, heldout_fraction=0)


def test_a_lowest_rate_above_the_default_one_is_told_where_that_comes_from():
    with pytest.raises(InputError, match=r"0\.025, the default .* 20 passes: .* or set trainer"):
        TrainingSettings(epochs=20, min_learning_rate=0.03)
    with pytest.raises(InputError, match=r"0\.2, the default .* 40 passes: .* or set trainer"):
        TrainingSettings(trainer="cooccurrence", negatives=20, min_learning_rate=0.5)
    with pytest.raises(InputError, match=r"learning_rate=0\.02: lower it or leave it unset$"):
        TrainingSettings(epochs=20, min_learning_rate=0.03, learning_rate=0.02)


@pytest.mark.parametrize(
    ("loss", "trainer"), [key for key in STUDIED_DEFAULTS if key != ("negative_sampling", "stream")]
)
def test_passes_do_not_lower_other_default_rates(loss, trainer):
    resolved = TrainingSettings(loss=loss, trainer=trainer, epochs=80).resolved()
    assert resolved.learning_rate == STUDIED_DEFAULTS[loss, trainer][0]
