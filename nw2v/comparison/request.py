"""What a comparison is asked for, checked as a whole before anything is read or trained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from nw2v.comparison.systems import System, read_systems
from nw2v.errors import InputError
from nw2v.training.settings import LARGEST_SEED, TrainingSettings

MOST_SEEDS = 10_000
_KEYS = {
    "loss.negatives": "compare.negatives",
    "loss.noise_exponent": "compare.noise_exponent",
    "trainer.epochs": "compare.epochs.{trainer}",
    "trainer.learning_rate": "compare.learning_rate.{trainer}",
    "trainer.threads": "compare.threads",
}
"""The keys of `nw2v compare` for those of `nw2v train`."""


def check_request(
    systems: Sequence[str],
    negatives: Sequence[int],
    *,
    seeds: int,
    seed: int,
    epochs: Mapping[str, int | None],
    learning_rates: Mapping[str, float | None],
    shared: Mapping[str, Any],
) -> list[System]:
    """Find out what is wrong with the arguments of `compare`.

    Returns
    -------
    list of System

    Raises
    ------
    InputError
        There are fewer than two systems, no seeds or no held-out text, or a system could not be
        trained with its settings.
    """
    chosen = read_systems(systems, negatives)
    if not isinstance(seeds, int) or isinstance(seeds, bool) or not 1 <= seeds <= MOST_SEEDS:
        raise InputError(
            f"compare.seeds={seeds!r}: expected a whole number from 1 to {MOST_SEEDS:,}"
        )
    for system in chosen:
        try:
            TrainingSettings(
                **system.keywords(),
                epochs=epochs.get(system.trainer),
                learning_rate=learning_rates.get(system.trainer),
                seed=seed,
                **shared,
            )
        except InputError as error:
            raise InputError(in_keys_of_compare(str(error), system)) from None
    if seed + seeds - 1 > LARGEST_SEED:
        raise InputError(f"seed={seed}: with {seeds} seeds the last is above {LARGEST_SEED:,}")
    if shared.get("heldout_fraction") == 0:
        raise InputError(
            "evaluation.heldout_fraction=0: systems are compared on held-out text: take a number "
            "above 0 up to 0.5, such as 0.02"
        )
    return chosen


def in_keys_of_compare(message: str, system: System) -> str:
    """Name the keys of `nw2v compare` where a message names those of `nw2v train`."""
    for key, own in _KEYS.items():
        message = message.replace(key, own.format(trainer=system.trainer))
    return message
