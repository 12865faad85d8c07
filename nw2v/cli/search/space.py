"""Hydra's overrides as a search space: what is searched, and what is fixed."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hydra.core.override_parser.types import (
    IntervalSweep,
    Override,
    QuotedString,
    RangeSweep,
    Sweep,
    Transformer,
)

from nw2v.errors import InputError
from nw2v.sweeps.search_space import Choice, Numbers, Parameter

_TAGS = {"log"}
# Not a setting of a job, but of the whole sweep.
_NOT_SEARCHED = "sweep."


def read_space(overrides: Sequence[Override]) -> tuple[dict[str, Parameter], list[str]]:
    """Separate what is searched from what is fixed; of two overrides of a key the last counts.

    Parameters
    ----------
    overrides : sequence of Override
        As Hydra has parsed them.

    Returns
    -------
    space : dict of str to Numbers or Choice
        By key, with Hydra's prefix "+" where it has one.
    fixed : list of str
        Overrides as they stand.

    Raises
    ------
    InputError
        A range that holds nothing or that cannot be searched.
    """
    last: dict[str, Override] = {}
    for override in overrides:
        last[override.get_key_element()] = override
    space: dict[str, Parameter] = {}
    fixed = []
    for key, override in last.items():
        if not override.is_sweep_override():
            fixed.append(str(override.input_line))
            continue
        if key.lstrip("+").startswith(_NOT_SEARCHED):
            raise InputError(
                f"{override.input_line}: several values of what the whole sweep shares; a list is "
                f"written {key}=[a,b]"
            )
        space[key] = _parameter(override)
    return space, fixed


def _parameter(override: Override) -> Parameter:
    source = str(override.input_line)
    value = override.value()
    tags = value.tags if isinstance(value, Sweep) else set()
    if unknown := sorted(tags - _TAGS):
        raise InputError(f"{source}: no tag {unknown[0]}; there is log")
    log = "log" in tags
    if isinstance(value, IntervalSweep):
        assert value.start is not None and value.end is not None
        whole = isinstance(value.start, int) and isinstance(value.end, int)
        return Numbers(source, value.start, value.end, whole=whole, log=log)
    if isinstance(value, RangeSweep):
        return _range(source, value, log)
    if log:
        raise InputError(f"{source}: tag(log, ...) goes with an interval or a range of numbers")
    elements: list[Any] = list(override.sweep_iterator())
    return Choice.of(
        source,
        [each.text if isinstance(each, QuotedString) else each for each in elements],
        [Transformer.str(each) for each in elements],
    )


def _range(source: str, sweep: RangeSweep, log: bool) -> Numbers:
    assert sweep.start is not None and sweep.stop is not None
    if sweep.step == 0:
        raise InputError(f"{source}: a range with steps of 0")
    values = list(sweep.range())
    if not values:
        raise InputError(f"{source}: an empty range")
    step = abs(sweep.step)
    whole = isinstance(step, int) and all(isinstance(value, int) for value in values)
    return Numbers(source, min(values), max(values), step=step, whole=whole, log=log)
