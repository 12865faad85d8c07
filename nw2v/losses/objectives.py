"""A loss as a small object: what a pair costs, and how its scores become probabilities."""

from __future__ import annotations

import difflib
import inspect
import math
import numbers
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Any, ClassVar, Protocol, SupportsIndex, runtime_checkable

import numpy as np
import numpy.typing as npt

from nw2v.errors import InputError
from nw2v.losses.naive_softmax import naive_softmax_loss_and_gradient
from nw2v.losses.negative_sampling import negative_sampling_loss_and_gradient
from nw2v.losses.validation import FloatArray

Float64Array = npt.NDArray[np.float64]

# Scores that are held in float64 at one time: 8 MB, so that a block stays in the cache.
_SCORES_PER_BLOCK = 2**20


@runtime_checkable
class Loss(Protocol):
    """What training and evaluation ask of a loss; third parties write their own.

    The loss of a pair, in expectation over negatives, is
    `pair_terms(u_o.v_c) + center_terms(U v_c)`: over co-occurrence counts it sums to
    sum_co n_co pair_terms(u_o.v_c) + sum_c n_c center_terms(U v_c).
    """

    name: ClassVar[str]

    def pair_loss_and_gradient(
        self,
        center_vector: npt.ArrayLike,
        outside_index: SupportsIndex,
        outside_vectors: npt.ArrayLike,
        negative_indices: npt.ArrayLike | None = None,
    ) -> tuple[float, FloatArray, FloatArray]:
        """Loss of one pair, dJ/dv_c (d,) and dJ/dU (V, d)."""
        ...

    def noise_distribution(self, counts: npt.ArrayLike) -> Float64Array | None:
        """Probabilities (V,) that negatives are drawn with, or None where none are drawn."""
        ...

    def pair_terms(self, scores: npt.ArrayLike) -> Float64Array:
        """Elementwise, the part of a pair's loss that depends on its score u_o.v_c alone."""
        ...

    def center_terms(
        self, logits: npt.ArrayLike, noise: npt.ArrayLike | None = None
    ) -> Float64Array:
        """Part (B,) of a pair's loss that depends on the center's logits U v_c (B, V)."""
        ...

    def log_prior(self, noise: npt.ArrayLike | None) -> Float64Array | None:
        """What is added to the logits (V,) so that their softmax is p(o|c); None for nothing."""
        ...


@dataclass(frozen=True, slots=True)
class NaiveSoftmax:
    """Cross-entropy of the softmax over the whole vocabulary: -u_o.v_c + logsumexp(U v_c)."""

    name: ClassVar[str] = "naive_softmax"

    def pair_loss_and_gradient(
        self,
        center_vector: npt.ArrayLike,
        outside_index: SupportsIndex,
        outside_vectors: npt.ArrayLike,
        negative_indices: npt.ArrayLike | None = None,
    ) -> tuple[float, FloatArray, FloatArray]:
        """`naive_softmax_loss_and_gradient`; negatives are not used."""
        return naive_softmax_loss_and_gradient(center_vector, outside_index, outside_vectors)

    def noise_distribution(self, counts: npt.ArrayLike) -> Float64Array | None:
        """None: nothing is drawn."""
        return None

    def pair_terms(self, scores: npt.ArrayLike) -> Float64Array:
        """-u_o.v_c, elementwise, float64."""
        return np.negative(np.asarray(scores), dtype=np.float64)

    def center_terms(
        self, logits: npt.ArrayLike, noise: npt.ArrayLike | None = None
    ) -> Float64Array:
        """logsumexp(U v_c) of each row of the logits (B, V): shape (B,), float64."""
        array = _check_logits(logits)
        terms = np.empty(array.shape[0])
        for rows, block in _float64_blocks(array):
            largest = block.max(axis=1)
            block -= largest[:, np.newaxis]
            np.exp(block, out=block)
            terms[rows] = largest + np.log(block.sum(axis=1))
        return terms

    def log_prior(self, noise: npt.ArrayLike | None = None) -> Float64Array | None:
        """None: the logits are normalised as they stand."""
        return None


@dataclass(frozen=True, slots=True)
class NegativeSampling:
    """A pair against K words drawn from the noise distribution, P(w) ~ count(w)^exponent.

    Parameters
    ----------
    negatives : int
        K, negative samples a pair, at least 1. Mikolov et al. 2013 take 5 to 20 for small texts
        and 2 to 5 for large ones.
    noise_exponent : float
        Exponent of the counts in the noise distribution; 0.75 is that of Mikolov et al. 2013.

    Raises
    ------
    InputError
        A value out of range, by its configuration key.
    """

    negatives: int = 5
    noise_exponent: float = 0.75
    name: ClassVar[str] = "negative_sampling"

    def __post_init__(self) -> None:
        negatives, exponent = self.negatives, self.noise_exponent
        if not isinstance(negatives, numbers.Integral) or isinstance(negatives, bool):
            raise InputError(
                f"loss.negatives must be a whole number of at least 1, got {negatives!r}"
            )
        if negatives < 1:
            raise InputError(
                f"loss.negatives must be a whole number of at least 1, got {negatives}"
            )
        if (
            not isinstance(exponent, numbers.Real)
            or isinstance(exponent, bool)
            or not abs(exponent) <= sys.float_info.max
        ):
            raise InputError(f"loss.noise_exponent must be a finite number, got {exponent!r}")

    def pair_loss_and_gradient(
        self,
        center_vector: npt.ArrayLike,
        outside_index: SupportsIndex,
        outside_vectors: npt.ArrayLike,
        negative_indices: npt.ArrayLike | None = None,
    ) -> tuple[float, FloatArray, FloatArray]:
        """`negative_sampling_loss_and_gradient` for the negatives (K,) that were drawn."""
        if negative_indices is None:
            raise ValueError("negative_indices: expected shape (K,), K at least 1, got None")
        return negative_sampling_loss_and_gradient(
            center_vector, outside_index, outside_vectors, negative_indices
        )

    def noise_distribution(self, counts: npt.ArrayLike) -> Float64Array:
        """P(w) = count(w)^exponent / sum of all, shape (V,), float64.

        Parameters
        ----------
        counts : array_like, shape (V,)
            How often each word occurs, at least once.

        Raises
        ------
        InputError
            A count below 1 or not finite, or an exponent so large that some word's probability
            is 0 in float64.
        """
        occurrences = np.asarray(counts, dtype=np.float64)
        if occurrences.ndim != 1 or occurrences.size == 0:
            raise InputError(
                f"word counts: expected shape (V,), V at least 1, got shape {occurrences.shape}"
            )
        if not (occurrences.min() >= 1 and math.isfinite(occurrences.max())):
            raise InputError(
                "word counts: expected numbers of at least 1, got "
                f"{occurrences.min()} to {occurrences.max()}"
            )
        # Relative to the word with the largest weight, so that only underflow is left to check.
        exponent = float(self.noise_exponent)
        reference = occurrences.max() if exponent >= 0 else occurrences.min()
        with np.errstate(under="ignore"):
            weights = (occurrences / reference) ** exponent
            noise = weights / weights.sum()
        if noise.min() < np.finfo(np.float64).tiny:
            raise InputError(
                f"loss.noise_exponent must be closer to 0, got {exponent}: with word counts from "
                f"{occurrences.min():.0f} to {occurrences.max():.0f}, the rarest draw underflows"
            )
        return noise

    def pair_terms(self, scores: npt.ArrayLike) -> Float64Array:
        """-log sigma(u_o.v_c) = softplus(-u_o.v_c), elementwise, float64."""
        terms = np.array(scores, dtype=np.float64, ndmin=1)
        np.negative(terms, out=terms)
        _softplus_in_place(terms)
        return terms.reshape(np.shape(scores))

    def center_terms(
        self, logits: npt.ArrayLike, noise: npt.ArrayLike | None = None
    ) -> Float64Array:
        """K sum_w P(w) softplus(u_w.v_c) of each row of the logits (B, V): shape (B,), float64.

        The expectation of the negatives' part of the loss over K draws from `noise` (V,).
        """
        array = _check_logits(logits)
        probabilities = _check_noise(noise)
        if probabilities.shape[0] != array.shape[1]:
            raise ValueError(
                f"noise: expected shape ({array.shape[1]},) to go with logits of shape "
                f"{array.shape}, got shape {probabilities.shape}"
            )
        terms = np.empty(array.shape[0])
        for rows, block in _float64_blocks(array):
            _softplus_in_place(block)
            terms[rows] = block @ probabilities
        terms *= self.negatives
        return terms

    def log_prior(self, noise: npt.ArrayLike | None) -> Float64Array:
        """Logarithm of P(o), shape (V,): at the optimum u_o.v_c = log p(o|c) - log K P(o)."""
        return np.log(_check_noise(noise))


def _check_logits(logits: npt.ArrayLike) -> npt.NDArray[Any]:
    array = np.asarray(logits)
    if array.ndim != 2 or array.shape[1] == 0 or array.dtype.kind not in "fiu":
        raise ValueError(
            f"logits: expected numbers of shape (B, V), V at least 1, got {array.dtype} "
            f"of shape {array.shape}"
        )
    return array


def _check_noise(noise: npt.ArrayLike | None) -> Float64Array:
    if noise is None:
        raise ValueError("noise: negative sampling needs its noise distribution (V,), got None")
    array = np.asarray(noise, dtype=np.float64)
    if array.ndim != 1 or array.size == 0 or not array.min() > 0:
        raise ValueError(
            f"noise: expected probabilities above 0 of shape (V,), got shape {array.shape}"
            + (f" with a least of {array.min()}" if array.size else "")
        )
    return array


def _float64_blocks(logits: npt.NDArray[Any]) -> Iterator[tuple[slice, Float64Array]]:
    """Blocks of rows as float64 copies, which the caller may write over."""
    step = max(1, _SCORES_PER_BLOCK // logits.shape[1])
    for first in range(0, logits.shape[0], step):
        rows = slice(first, min(first + step, logits.shape[0]))
        yield rows, logits[rows].astype(np.float64)


def _softplus_in_place(x: Float64Array) -> None:
    """Replace x by log(1 + e^x) = max(x, 0) + log(1 + e^-|x|)."""
    power = np.abs(x)
    np.negative(power, out=power)
    np.exp(power, out=power)
    np.log1p(power, out=power)
    np.maximum(x, 0.0, out=x)
    x += power


# What makes each loss of this package, by name. Other packages add theirs as entry points.
LOSSES: dict[str, Callable[..., Loss]] = {
    NaiveSoftmax.name: NaiveSoftmax,
    NegativeSampling.name: NegativeSampling,
}
ENTRY_POINT_GROUP = "nw2v.losses"


def _installed_losses() -> dict[str, EntryPoint]:
    return {found.name: found for found in entry_points(group=ENTRY_POINT_GROUP)}


def loss_names() -> list[str]:
    """Names that `make_loss` knows: those of this package and of installed entry points."""
    return sorted(LOSSES.keys() | _installed_losses().keys())


def make_loss(
    name: str, *, negatives: int = 5, noise_exponent: float = 0.75, **settings: Any
) -> Loss:
    """A loss by name, with those of the settings that it takes.

    Parameters
    ----------
    name : str
        "naive_softmax", "negative_sampling", or the name of an entry point in the group
        "nw2v.losses", a callable that returns a `Loss`.
    negatives : int
        Negative samples a pair; ignored by a loss that takes none.
    noise_exponent : float
        Exponent of the counts in the noise distribution; ignored by a loss that takes none.
    **settings
        Whatever else a loss of another package takes.

    Returns
    -------
    Loss

    Raises
    ------
    InputError
        An unknown name (with the nearest right one), a setting that the loss does not take, a
        value out of range, or an entry point that cannot be loaded.
    """
    factory = _factory(name)
    given = {"negatives": negatives, "noise_exponent": noise_exponent, **settings}
    try:
        parameters = inspect.signature(factory).parameters
    except (TypeError, ValueError) as error:
        raise InputError(f"loss {name}: cannot tell which settings it takes: {error}") from error
    if not any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters.values()):
        unknown = sorted(settings.keys() - parameters.keys())
        if unknown:
            raise InputError(f"loss.{unknown[0]}: the loss {name} has no such setting")
        given = {key: value for key, value in given.items() if key in parameters}
    loss = factory(**given)
    if not isinstance(loss, Loss):
        raise InputError(
            f"loss {name}: expected an object with the methods of nw2v.losses.Loss, "
            f"got {type(loss).__name__}"
        )
    return loss


def _factory(name: str) -> Callable[..., Loss]:
    if isinstance(name, str) and name in LOSSES:
        return LOSSES[name]
    installed = _installed_losses()
    if not isinstance(name, str) or name not in installed:
        known = sorted(LOSSES.keys() | installed.keys())
        near = difflib.get_close_matches(str(name), known, n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        raise InputError(f"unknown loss {name!r}: expected one of {', '.join(known)}{hint}")
    try:
        return installed[name].load()
    except (ImportError, AttributeError) as error:
        raise InputError(
            f"loss {name}: its entry point {installed[name].value} cannot be loaded: {error}"
        ) from error
