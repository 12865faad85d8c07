"""The values that a search may try: ranges of numbers and choices, each under its key."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from nw2v.errors import InputError

if TYPE_CHECKING:
    from optuna.distributions import BaseDistribution


@dataclass(frozen=True)
class Numbers:
    """Numbers from `low` to `high`, both included.

    Attributes
    ----------
    source : str
        What the user wrote, KEY=VALUE.
    low, high : int or float
    step : int, float or None
        The distance between neighbours; None for every number between the bounds.
    whole : bool
        Whole numbers alone.
    log : bool
        Orders of magnitude are equally likely, rather than values.

    Raises
    ------
    InputError
        Bounds that hold no number, or no logarithm.
    """

    source: str
    low: float
    high: float
    step: float | None = None
    whole: bool = False
    log: bool = False

    def __post_init__(self) -> None:
        if not (math.isfinite(self.low) and math.isfinite(self.high)):
            raise InputError(f"{self.source}: the bounds must be finite numbers")
        if self.low > self.high:
            raise InputError(
                f"{self.source}: an empty range, for {self.low} is more than {self.high}"
            )
        if self.log and self.low <= 0:
            raise InputError(
                f"{self.source}: no logarithm of {self.low}; tag(log, ...) needs bounds above zero"
            )
        if self.log and self.step not in (None, 1):
            raise InputError(f"{self.source}: steps and tag(log, ...) exclude each other")

    @property
    def distribution(self) -> BaseDistribution:
        """The same for Optuna."""
        from optuna.distributions import FloatDistribution, IntDistribution

        if self.whole:
            step = 1 if self.step is None else int(self.step)
            return IntDistribution(int(self.low), int(self.high), log=self.log, step=step)
        return FloatDistribution(self.low, self.high, log=self.log, step=self.step)

    @property
    def grid(self) -> list[float] | None:
        """All values, None where there are too many to list."""
        if self.step is None:
            return None
        count = round((self.high - self.low) / self.step) + 1
        return [self._value(index) for index in range(count)]

    def exact(self, value: Any) -> float:
        """Free a value that a study holds from what binary fractions have added to its decimals."""
        if self.step is not None:
            return self._value(round((value - self.low) / self.step))
        return int(value) if self.whole else float(value)

    def text(self, value: Any) -> str:
        """Write a value as the right-hand side of an override."""
        return repr(self.exact(value))

    def _value(self, index: int) -> float:
        # In decimals, as the user wrote them: 0.1 + 2 * 0.1 is 0.3.
        value = Decimal(repr(self.low)) + index * Decimal(repr(self.step))
        return int(value) if self.whole else float(value)


@dataclass(frozen=True)
class Choice:
    """A few values without an order.

    Attributes
    ----------
    source : str
        What the user wrote, KEY=VALUE.
    values : tuple
        As a study stores them: numbers, texts, true, false or null.
    texts : tuple of str
        The same as right-hand sides of overrides.
    """

    source: str
    values: tuple[Any, ...]
    texts: tuple[str, ...]

    @classmethod
    def of(cls, source: str, values: Sequence[Any], texts: Sequence[str]) -> Choice:
        """Make a choice; a value that is named twice counts once.

        Raises
        ------
        InputError
            No values.
        """
        if not texts:
            raise InputError(f"{source}: no values to choose from")
        chosen = dict(zip(texts, values, strict=True))
        stored = list(chosen.values())
        plain = all(value is None or isinstance(value, str | int | float) for value in stored)
        # A list cannot be stored as it is, 1, 1.0 and true would be taken for the same, and nan
        # would not be found again.
        if not plain or len(set(stored)) < len(stored) or any(v != v for v in stored):
            stored = list(chosen)
        return cls(source, tuple(stored), tuple(chosen))

    @property
    def distribution(self) -> BaseDistribution:
        """The same for Optuna."""
        from optuna.distributions import CategoricalDistribution

        return CategoricalDistribution(self.values)

    @property
    def grid(self) -> list[Any]:
        """All values."""
        return list(self.values)

    def exact(self, value: Any) -> Any:
        """Give a value that a study holds."""
        return value

    def text(self, value: Any) -> str:
        """Write a value as the right-hand side of an override."""
        return self.texts[self.values.index(value)]


Parameter = Numbers | Choice
SearchSpace = Mapping[str, Parameter]


def check_for_sampler(space: SearchSpace, sampler: str, objectives: int) -> None:
    """Find out whether a sampler can search a space.

    Parameters
    ----------
    space : mapping of str to Numbers or Choice
    sampler : {"tpe", "random", "grid", "cmaes", "nsgaii"}
    objectives : int
        How many metrics are optimised.

    Raises
    ------
    InputError
        It cannot.
    """
    if not space:
        raise InputError(
            "nothing to search: give at least one key several values, such as "
            "model.window=2,5,10 or trainer.learning_rate=interval(0.01,0.2)"
        )
    for parameter in space.values():
        if sampler == "grid" and parameter.grid is None:
            raise InputError(
                f"{parameter.source}: a grid needs values that can be listed; write "
                "range(START,STOP,STEP) or choice(A,B), or take another hydra.sweeper.sampler"
            )
        if sampler == "cmaes" and isinstance(parameter, Choice):
            raise InputError(
                f"{parameter.source}: sampler=cmaes searches numbers alone (interval or range), "
                "no choices; take another hydra.sweeper.sampler"
            )
    if sampler == "cmaes" and objectives > 1:
        raise InputError(
            "hydra.sweeper.sampler=cmaes optimises one metric; for several of sweep.metric take "
            "tpe or nsgaii"
        )
