"""What is compared: a loss, the way to its gradient, and K."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from nw2v.errors import InputError
from nw2v.losses import LOSSES
from nw2v.training.settings import TRAINERS

DEFAULT_SYSTEMS = (
    "naive_softmax/cooccurrence",
    "negative_sampling/cooccurrence",
    "negative_sampling/stream",
)
"""The textbook softmax is left out: on a text of any size it takes hours."""
DEFAULT_NEGATIVES = (5,)


@dataclass(frozen=True)
class System:
    """One of the systems of a comparison.

    Attributes
    ----------
    loss : str
        "naive_softmax" or "negative_sampling".
    trainer : str
        "stream" or "cooccurrence".
    negatives : int or None
        K; None for the naive softmax.
    """

    loss: str
    trainer: str
    negatives: int | None = None

    @property
    def name(self) -> str:
        """In words: "naive softmax, cooccurrence", "negative sampling K=5, stream"."""
        loss = self.loss.replace("_", " ")
        return f"{loss}{'' if self.negatives is None else f' K={self.negatives}'}, {self.trainer}"

    def keywords(self) -> dict[str, Any]:
        """What `nw2v.train` is told of the system."""
        given: dict[str, Any] = {"loss": self.loss, "trainer": self.trainer}
        return given if self.negatives is None else {**given, "negatives": self.negatives}


def read_systems(names: Sequence[str], negatives: Sequence[int]) -> list[System]:
    """Read systems from LOSS/TRAINER, those of negative sampling once for each K.

    Raises
    ------
    InputError
        For names that are none, a K below 1, or fewer than two systems.
    """
    systems: list[System] = []
    for name in names:
        loss, _, trainer = str(name).partition("/")
        if loss not in LOSSES or trainer not in TRAINERS:
            raise InputError(
                f"compare.systems: {name!r} is no system: write LOSS/TRAINER, with "
                f"{' or '.join(LOSSES)} and {' or '.join(TRAINERS)}"
            )
        if loss == "naive_softmax":
            systems.append(System(loss, trainer))
            continue
        if not negatives:
            raise InputError(f"compare.negatives is empty: {name} needs a K, such as [5]")
        for k in negatives:
            if not isinstance(k, int) or isinstance(k, bool) or k < 1:
                raise InputError(
                    f"compare.negatives: expected whole numbers of at least 1, got {k!r}"
                )
            systems.append(System(loss, trainer, k))
    distinct = list(dict.fromkeys(systems))
    if len(distinct) < 2:
        raise InputError(
            f"a comparison needs two systems, got {', '.join(s.name for s in distinct) or 'none'}: "
            "give more in compare.systems or compare.negatives"
        )
    return distinct
