"""What a training run can be told, checked, with unset values filled in."""

from __future__ import annotations

import math
import operator
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

import numpy as np

from nw2v.cores import available_cores
from nw2v.corpus.subsampling import keep_probabilities
from nw2v.errors import InputError

CONFIGURATION_KEYS = {
    "loss": "loss",
    "negatives": "loss.negatives",
    "noise_exponent": "loss.noise_exponent",
    "trainer": "trainer",
    "epochs": "trainer.epochs",
    "learning_rate": "trainer.learning_rate",
    "min_learning_rate": "trainer.min_learning_rate",
    "batch_windows": "trainer.batch_windows",
    "optimizer": "trainer.optimizer",
    "batch_centers": "trainer.batch_centers",
    "center_order": "trainer.center_order",
    "center_exponent": "trainer.center_exponent",
    "warm_up": "trainer.warm_up",
    "weight_decay": "trainer.weight_decay",
    "memory_limit": "trainer.memory_limit",
    "threads": "trainer.threads",
    "deterministic": "trainer.deterministic",
    "dim": "model.dim",
    "window": "model.window",
    "shrink_window": "model.shrink_window",
    "subsample": "model.subsample",
    "initial_scale": "model.initial_scale",
    "heldout_fraction": "evaluation.heldout_fraction",
    "split_seed": "evaluation.split_seed",
    "evaluation_window": "evaluation.window",
    "evaluation_subsample": "evaluation.subsample",
    "heldout_centers": "evaluation.heldout_centers",
    "seed": "seed",
}
"""The configuration key behind each keyword of `nw2v.train`."""


def defaults_taken(configuration: Mapping[str, Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return what training took for the keys of `trainer` that a configuration leaves unset.

    Parameters
    ----------
    configuration : mapping
        By dotted key.
    settings : mapping
        By keyword of `nw2v.train`, defaults resolved.
    """
    return {
        key: settings.get(keyword)
        for keyword, key in CONFIGURATION_KEYS.items()
        if key.startswith("trainer.") and key in configuration and configuration[key] is None
    }


STUDIED_DEFAULTS = {
    # (loss, trainer): (learning rate, epochs)
    ("negative_sampling", "stream"): (0.05, 5),
    ("naive_softmax", "stream"): (0.1, 1),
    ("negative_sampling", "cooccurrence"): (0.2, 20),
    ("naive_softmax", "cooccurrence"): (0.1, 20),
}
COOCCURRENCE_DEFAULTS: dict[str, Any] = {
    "optimizer": "adam",
    "batch_centers": 512,
    "center_order": "sweep",
    "warm_up": 0.05,
    "memory_limit": 1024,
}
"""What `trainer=cooccurrence` takes for its own settings, where they are unset."""
STUDIED_WEIGHT_DECAY, STUDIED_NEGATIVES = 2.0, 5
"""Weight decay with Adam for the naive softmax, and for negative sampling with K = 5: there the
passes of `STUDIED_DEFAULTS` were studied, too."""
MOST_STUDIED_PASSES = 100
"""What passes rise to, where `trainer.epochs` is unset, as K grows."""
CENTER_EXPONENT = 1.0
"""With `trainer.center_order=weight`, where `trainer.center_exponent` is unset."""
LBFGS_EPOCHS = 100
LBFGS_WEIGHT_DECAY = 0.01
"""What `trainer.optimizer=lbfgs` takes for passes and weight decay, where they are unset."""
NOT_OF_LBFGS = (
    "learning_rate", "min_learning_rate", "batch_centers", "center_order", "center_exponent",
    "warm_up",
)  # fmt: skip
"""What `trainer.optimizer=lbfgs` has no use for."""
STUDIED_BATCH_WINDOWS = 1
"""Windows of the naive softmax that share a step where `trainer.batch_windows` is unset."""
LARGEST_BATCH = 4096
LARGEST_BATCH_CENTERS = 65_536
TRAINERS = ("stream", "cooccurrence")
OPTIMIZERS = ("adam", "adagrad", "sgd", "lbfgs")
CENTER_ORDERS = ("sweep", "weight")
LARGEST_STEP = 0.5
"""Default learning rate times the times that a word may be a negative of one center."""
LARGEST_SOFTMAX_WINDOW = 2.0
"""Default learning rate of the naive softmax by stream times the outside words of the widest
window: one that is too wide is enough to diverge."""
LARGEST_SOFTMAX_STEP = 0.08
"""The same times the pairs of the word that most of the other windows of a step have in common.
Both were found by trial, with 100 to 8,000 words and 1 to 512 windows a step."""
LARGEST_DIM = 10_000
LARGEST_WINDOW = 10_000
LARGEST_NEGATIVES = 10_000
LARGEST_SEED = 2**63 - 1


@dataclass(frozen=True, kw_only=True)
class TrainingSettings:
    """The keywords of `nw2v.train`, as given; `resolved` fills in what is unset.

    Raises
    ------
    InputError
        If a value is of the wrong type or out of its range: the message names the configuration
        key, the value and what was expected.
    """

    loss: str = "negative_sampling"
    negatives: int = 5
    noise_exponent: float = 0.75
    trainer: str = "stream"
    epochs: int | None = None
    learning_rate: float | None = None
    min_learning_rate: float | None = None
    batch_windows: int | None = None
    optimizer: str | None = None
    batch_centers: int | None = None
    center_order: str | None = None
    center_exponent: float | None = None
    warm_up: float | None = None
    weight_decay: float | None = None
    memory_limit: int | None = None
    threads: int | None = None
    deterministic: bool = False
    dim: int = 100
    window: int = 5
    shrink_window: bool = True
    subsample: float = 1e-4
    initial_scale: float = 8.0
    heldout_fraction: float = 0.02
    split_seed: int = 0
    evaluation_window: int = 5
    evaluation_subsample: float = 1e-4
    heldout_centers: int = 5000
    seed: int = 1

    def __post_init__(self) -> None:
        _one_of("loss", self.loss, ("naive_softmax", "negative_sampling"))
        _one_of("trainer", self.trainer, TRAINERS)
        _whole("negatives", self.negatives, 1, LARGEST_NEGATIVES)
        _number("noise_exponent", self.noise_exponent, -10.0, 10.0)
        _whole("epochs", self.epochs, 1, 1_000_000, optional=True)
        _number("learning_rate", self.learning_rate, 0.0, 100.0, above=True, optional=True)
        _number("min_learning_rate", self.min_learning_rate, 0.0, 100.0, optional=True)
        _whole("batch_windows", self.batch_windows, 1, LARGEST_BATCH, optional=True)
        _one_of("optimizer", self.optimizer, OPTIMIZERS, optional=True)
        _whole("batch_centers", self.batch_centers, 1, LARGEST_BATCH_CENTERS, optional=True)
        _one_of("center_order", self.center_order, CENTER_ORDERS, optional=True)
        _number("center_exponent", self.center_exponent, 0.0, 10.0, optional=True)
        _number("warm_up", self.warm_up, 0.0, 0.9, optional=True)
        _number("weight_decay", self.weight_decay, 0.0, 10.0, optional=True)
        _whole("memory_limit", self.memory_limit, 1, 10**9, optional=True)
        self._check_trainer()
        _whole("threads", self.threads, 1, 4096, optional=True)
        _boolean("deterministic", self.deterministic)
        _whole("dim", self.dim, 1, LARGEST_DIM)
        _whole("window", self.window, 1, LARGEST_WINDOW)
        _boolean("shrink_window", self.shrink_window)
        _number("subsample", self.subsample, 0.0, 1.0)
        _number("initial_scale", self.initial_scale, 0.0, 1000.0, above=True)
        _number("heldout_fraction", self.heldout_fraction, 0.0, 0.5)
        _whole("split_seed", self.split_seed, 0, LARGEST_SEED)
        _whole("evaluation_window", self.evaluation_window, 1, LARGEST_WINDOW)
        _number("evaluation_subsample", self.evaluation_subsample, 0.0, 1.0)
        _whole("heldout_centers", self.heldout_centers, 1, 10**9)
        _whole("seed", self.seed, 0, LARGEST_SEED)
        for field in fields(self):
            object.__setattr__(self, field.name, _pythons_own(getattr(self, field.name)))
        self.resolved()  # checks what depends on the defaults

    def _check_trainer(self) -> None:
        """Refuse what belongs to another trainer or optimizer, where it would do nothing."""
        if self.trainer == "stream":
            others = (*COOCCURRENCE_DEFAULTS, "weight_decay", "center_exponent")
            self._refuse_given(others, "trainer=stream", "it takes the text window by window")
            return
        why = "it takes all windows of a center word at one time"
        self._refuse_given(("batch_windows",), "trainer=cooccurrence", why)
        if self.optimizer == "lbfgs":
            why = "it takes all center words at one time and searches for the length of each step"
            self._refuse_given(NOT_OF_LBFGS, "trainer.optimizer=lbfgs", why)
        elif self.center_order != "weight":
            why = "every center word once a pass"
            self._refuse_given(("center_exponent",), "trainer.center_order=sweep", why)

    def _refuse_given(self, names: Sequence[str], owner: str, why: str) -> None:
        for name in names:
            value = getattr(self, name)
            if value is not None:
                raise InputError(
                    f"{CONFIGURATION_KEYS[name]}={value}: {owner} has no such setting ({why}); "
                    "leave it unset"
                )

    def resolved(
        self, counts: np.ndarray | None = None, offsets: np.ndarray | None = None
    ) -> TrainingSettings:
        """Fill in the studied defaults of this loss and trainer, and the number of cores.

        An unset min_learning_rate becomes learning_rate / 250, the ratio of word2vec and gensim.
        Negative sampling from the stream is deterministic with one thread, whatever was given.

        Parameters
        ----------
        counts : (V,) integer array, optional
            Occurrences of each word. Where negative sampling pushes the most frequent one so hard
            that the studied learning rate would overshoot (many negatives, or very few words),
            an unset learning_rate becomes lower; as it does where passes are many.
        offsets : (sentences + 1,) integer array, optional
            Where the text's sentences begin and end: windows reach no further. Where those of the
            naive softmax are wide, or many share a step, an unset learning_rate becomes lower.

        Raises
        ------
        InputError
            If min_learning_rate is above the learning rate, be it given or the default.
        """
        learning_rate, epochs = STUDIED_DEFAULTS[self.loss, self.trainer]
        if self.learning_rate is not None:
            learning_rate = self.learning_rate
        elif (self.loss, self.trainer) == ("negative_sampling", "stream"):
            learning_rate = self._studied_rate(learning_rate, epochs, counts, offsets)
        elif self.trainer == "stream" and counts is not None and offsets is not None:
            learning_rate = min(learning_rate, self._largest_softmax_rate(counts, offsets))
        values: dict[str, Any] = {"learning_rate": learning_rate}
        if self.epochs is None:
            values["epochs"] = epochs
        if self.min_learning_rate is None:
            values["min_learning_rate"] = learning_rate / 250
        if self.trainer == "cooccurrence":
            values = self._resolved_for_cooccurrence(values)
        elif self.batch_windows is None and self.loss == "naive_softmax":
            values["batch_windows"] = STUDIED_BATCH_WINDOWS
        if self.deterministic and (self.loss, self.trainer) == ("negative_sampling", "stream"):
            values["threads"] = 1
        elif self.threads is None:
            values["threads"] = available_cores()
        self._check_lowest_rate(learning_rate, values.get("epochs", self.epochs))
        if all(getattr(self, name) == value for name, value in values.items()):
            return self
        return replace(self, **values)

    def _check_lowest_rate(self, learning_rate: float, passes: int | None) -> None:
        """Refuse a learning rate that would rise, and tell where that of the beginning is from."""
        if self.min_learning_rate is None or self.min_learning_rate <= learning_rate:
            return
        above = f"trainer.learning_rate={learning_rate:g}: lower it or leave it unset"
        if self.learning_rate is None:
            what = f"{passes} passes"
            if (self.loss, self.trainer) == ("naive_softmax", "stream"):
                what = f"{self.batch_windows or STUDIED_BATCH_WINDOWS} windows a step"
            above = (
                f"{learning_rate:g}, the default learning rate for {what}: lower it or leave it "
                "unset, or set trainer.learning_rate"
            )
        raise InputError(f"trainer.min_learning_rate={self.min_learning_rate:g} is above {above}")

    def _resolved_for_cooccurrence(self, values: dict[str, Any]) -> dict[str, Any]:
        """Add what `trainer=cooccurrence` takes for its own settings, where they are unset."""
        defaults = {**COOCCURRENCE_DEFAULTS, "weight_decay": self._studied_weight_decay()}
        if self.epochs is None:
            values["epochs"] = self._studied_passes(values["epochs"])
        if self.optimizer == "lbfgs":
            values = {name: value for name, value in values.items() if name not in NOT_OF_LBFGS}
            for name in NOT_OF_LBFGS:
                defaults.pop(name, None)
        if self.center_order == "weight":
            defaults["center_exponent"] = CENTER_EXPONENT
        unset = {name: v for name, v in defaults.items() if getattr(self, name) is None}
        return values | unset

    def _studied_passes(self, at_studied_negatives: int) -> int:
        """Passes of exact training (experiments/cooccurrence_defaults).

        The more negatives, the longer the scores take to their places, which are near -log K.
        """
        if self.optimizer == "lbfgs":
            return LBFGS_EPOCHS
        if self.loss == "naive_softmax":
            return at_studied_negatives
        more = math.sqrt(max(self.negatives, STUDIED_NEGATIVES) / STUDIED_NEGATIVES)
        return min(MOST_STUDIED_PASSES, round(at_studied_negatives * more))

    def _studied_weight_decay(self) -> float:
        """Weight decay in exact training (experiments/cooccurrence_defaults).

        With few negatives the scores that fit a pair are near 0, and a text is learnt by heart
        within some passes; with many they are near -log K, which decay is in the way of.
        """
        if self.optimizer == "lbfgs":
            return LBFGS_WEIGHT_DECAY
        if self.optimizer in ("adagrad", "sgd"):
            return 0.0  # studied with Adam alone
        if self.loss == "naive_softmax":
            return STUDIED_WEIGHT_DECAY
        return STUDIED_WEIGHT_DECAY * math.sqrt(STUDIED_NEGATIVES / self.negatives)

    def _studied_rate(
        self,
        highest: float,
        passes: int,
        counts: np.ndarray | None,
        offsets: np.ndarray | None,
    ) -> float:
        """Learning rate of negative sampling from the stream (experiments/stream_defaults).

        The highest was studied for so many passes. Vectors that pass over a text more often learn
        it by heart at that rate: it falls with their square root.
        """
        rate = highest
        if self.epochs is not None:
            rate *= min(1.0, math.sqrt(passes / self.epochs))
        if counts is not None:
            rate = min(rate, LARGEST_STEP / self._largest_load(counts, offsets))
        return rate

    def _largest_softmax_rate(self, counts: np.ndarray, offsets: np.ndarray) -> float:
        """Learning rate above which the pairs of a softmax's window, or of a step, overshoot."""
        longest = int(np.diff(offsets).max(initial=2))
        rate = LARGEST_SOFTMAX_WINDOW / max(1, min(2 * self.window, longest - 1))
        others = (self.batch_windows or STUDIED_BATCH_WINDOWS) - 1
        kept = counts * keep_probabilities(counts, self.subsample)
        if others and kept.any():
            outside_words = most_outside_words(self.window, self.shrink_window, offsets)
            alike = others * outside_words * float(kept.max() / kept.sum())
            rate = min(rate, LARGEST_SOFTMAX_STEP / alike)
        return rate

    def _largest_load(self, counts: np.ndarray, offsets: np.ndarray | None) -> float:
        """How many times a center the most frequent word is a negative, on average, at most."""
        noise = np.asarray(counts, dtype=np.float64) ** self.noise_exponent
        outside_words = most_outside_words(self.window, self.shrink_window, offsets)
        return outside_words * self.negatives * float(noise.max() / noise.sum())

    def as_dict(self) -> dict[str, Any]:
        """Give all settings by keyword."""
        return asdict(self)


def most_outside_words(window: int, shrink: bool, offsets: np.ndarray | None) -> float:
    """Bound the mean number of outside words of a center, which has one at least.

    It is that of centers which no sentence end cuts off, unless the sentence of a word has fewer
    other words, on average over the words of a text.

    Parameters
    ----------
    window : int
    shrink : bool
    offsets : (sentences + 1,) integer array, or None
        Where sentences begin and end.
    """
    reached = window + 1 if shrink else 2 * window
    if offsets is None or offsets[-1] == 0:
        return reached
    lengths = np.diff(offsets)
    return max(1.0, min(reached, float(lengths @ lengths) / float(offsets[-1] - offsets[0]) - 1))


def _refuse(name: str, value: Any, expected: str) -> InputError:
    return InputError(f"{CONFIGURATION_KEYS[name]}={value!r}: expected {expected}")


def _one_of(name: str, value: Any, choices: tuple[str, ...], *, optional: bool = False) -> None:
    if value is None and optional:
        return
    if value not in choices:
        raise _refuse(name, value, " or ".join(choices))


def _whole(name: str, value: Any, least: int, most: int, *, optional: bool = False) -> None:
    if value is None and optional:
        return
    whole = isinstance(value, int) or hasattr(value, "__index__")
    if not whole or isinstance(value, bool) or not least <= value <= most:
        raise _refuse(name, value, f"a whole number from {least:,} to {most:,}")


def _number(
    name: str, value: Any, least: float, most: float, *, above: bool = False, optional: bool = False
) -> None:
    if value is None and optional:
        return
    try:
        number = math.nan if isinstance(value, (bool, str)) else float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not least <= number <= most or (above and number == least):
        beyond = "above" if above else "from"
        raise _refuse(
            name, value, f"a number {beyond} {least:g} {'up ' if above else ''}to {most:g}"
        )


def _pythons_own(value: Any) -> Any:
    """Make numbers of other packages Python's own: those of NumPy overflow, and are added up."""
    if value is None or isinstance(value, (bool, str)) or type(value) in (int, float):
        return value
    return operator.index(value) if hasattr(value, "__index__") else float(value)


def _boolean(name: str, value: Any) -> None:
    if not isinstance(value, bool):
        raise _refuse(name, value, "true or false")
