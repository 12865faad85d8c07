"""Threads that work together on phases of numbered items, inside compiled code.

Work goes through phases, one after another, of a few kinds that take turns. Whoever is free takes
the next item of the phase; whoever completes its last one does what lies between two phases, and
opens the next. Nobody waits for a thread that has not come: any one of them can do everything
alone. So results do not depend on the number of threads, where they do not depend on who does an
item.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from nw2v.jit.atomics import (
    NUMBERS_A_LINE,
    fetch_and_add,
    observe,
    publish,
    zeros_on_own_lines,
)
from nw2v.jit.compile import kernel

PATIENCE = 20_000
"""How often a thread looks for work before it gives way."""
DONE, NONE = -1, -2
"""In place of a phase: all is done, or nothing can be taken at present."""

# A claim is the number of a phase and, below it, how many of its items have been taken. The number
# begins again at 0 before it runs into the sign.
_PHASE_BITS = 32
_ITEM_MASK = (1 << _PHASE_BITS) - 1
_ROUNDS = 1 << 28

# Places in `Crew.state`.
_COMPLETE = 0  # items of the phase that are done
_FINISHED = NUMBERS_A_LINE  # whether everything is done
_PHASE = 2 * NUMBERS_A_LINE


class Crew(NamedTuple):
    """What the threads share to find work."""

    claims: np.ndarray  # int64: a line for each member, who takes from its own items first
    state: np.ndarray  # int64: see the places above
    items: np.ndarray  # int64: how many items each kind of phase has
    backwards: np.ndarray  # (kinds,) bool: whether its items are taken from last to first


def crew_for(members: int, items: list[int], backwards: list[bool]) -> Crew:
    """Make a crew of some threads for phases with so many items of each kind."""
    claims = zeros_on_own_lines(members * NUMBERS_A_LINE, np.int64)
    claims[:] = _ITEM_MASK >> 1
    return Crew(
        claims=claims,
        state=zeros_on_own_lines(3 * NUMBERS_A_LINE, np.int64),
        items=np.array(items, dtype=np.int64),
        backwards=np.array(backwards),
    )


def members_of(crew: Crew) -> int:
    """Count the threads of a crew."""
    return len(crew.claims) // NUMBERS_A_LINE


@kernel
def open_phase(crew, phase):
    """Let the items of a phase be taken."""
    phase = phase % (len(crew.items) * _ROUNDS)
    crew.state[_PHASE] = phase
    publish(crew.state, _COMPLETE, 0)
    for member in range(len(crew.claims) // NUMBERS_A_LINE):
        publish(crew.claims, member * NUMBERS_A_LINE, phase << _PHASE_BITS)


@kernel
def begin(crew):
    """Open the next phase of the first kind."""
    publish(crew.state, _FINISHED, 0)
    kinds = len(crew.items)
    open_phase(crew, (crew.state[_PHASE] // kinds + 1) * kinds)


@kernel
def finish(crew):
    """Let everybody know that all is done."""
    publish(crew.state, _FINISHED, 1)


@kernel
def take(crew, member):
    """Take an item: the number of its phase and its own; `NONE` or `DONE` where there is none.

    Items are shared out among the members in stretches, so that each finds the memory they touch in
    its own cache again; who has done its own takes those of others.
    """
    members = len(crew.claims) // NUMBERS_A_LINE
    for turn in range(members):
        owner = member + turn if member + turn < members else member + turn - members
        place = owner * NUMBERS_A_LINE
        phase, item = _item_of(crew, owner, observe(crew.claims, place))
        if phase != NONE:
            # Others may have taken it meanwhile, or the phase may have gone on.
            phase, item = _item_of(crew, owner, fetch_and_add(crew.claims, place, 1))
            if phase != NONE:
                return phase, item
    return DONE if observe(crew.state, _FINISHED) else NONE, 0


@kernel
def _item_of(crew, owner, claim):
    """Tell which item of a member's stretch a claim stands for: its phase and its number."""
    members = len(crew.claims) // NUMBERS_A_LINE
    phase, taken = claim >> _PHASE_BITS, claim & _ITEM_MASK
    kind = phase % len(crew.items)
    items = crew.items[kind]
    first, last = items * owner // members, items * (owner + 1) // members
    if taken >= last - first:
        return NONE, 0
    return phase, last - 1 - taken if crew.backwards[kind] else first + taken


@kernel
def complete(crew, phase):
    """Tell that an item is done; whether it was the last of its phase."""
    return fetch_and_add(crew.state, _COMPLETE, 1) == crew.items[phase % len(crew.items)] - 1


@kernel
def wait_for_item(crew, member):
    """Take an item as `take` does, but look for one again and again for a while."""
    for _ in range(PATIENCE):
        phase, item = take(crew, member)
        if phase != NONE:
            return phase, item
    return NONE, 0
