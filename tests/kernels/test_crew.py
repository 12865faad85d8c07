"""Phases of items: each is done once, in order of the phases, by whoever is there."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest

from nw2v.jit import COMPILED, kernel
from nw2v.jit.atomics import fetch_and_add
from nw2v.kernels.crew import (
    DONE,
    NONE,
    begin,
    complete,
    crew_for,
    finish,
    members_of,
    open_phase,
    take,
    wait_for_item,
)

ROUNDS = 50


@kernel
def work(crew, member, done, wrong):
    """Count how often each item of each kind is done, and what is done before its phase."""
    while True:
        phase, item = wait_for_item(crew, member)
        if phase < 0:
            return phase == DONE
        kind = phase % len(crew.items)
        before = fetch_and_add(done, kind * 100 + item, 1)
        earlier = kind - 1 if kind else len(crew.items) - 1
        for other in range(crew.items[earlier]):
            if done[earlier * 100 + other] != before + (1 if kind else 0):
                wrong[0] += 1
        if complete(crew, phase):
            if kind == len(crew.items) - 1 and before == ROUNDS - 1:
                finish(crew)
            else:
                open_phase(crew, phase + 1)


@pytest.mark.parametrize("members", [1, 2, 3] if COMPILED else [1])
@pytest.mark.parametrize("items", [[1, 1], [7, 2], [5, 1, 12]])
def test_every_item_is_done_once_a_round_and_no_phase_begins_too_soon(members, items):
    crew = crew_for(members, items, [False, True, False][: len(items)])
    assert members_of(crew) == members
    done, wrong = np.zeros(300, dtype=np.int64), np.zeros(1, dtype=np.int64)

    def help_out(member):
        while not work(crew, member, done, wrong):
            time.sleep(1e-5)

    for _ in range(2):  # A crew can begin again.
        done[:] = 0
        begin(crew)
        helpers = [threading.Thread(target=help_out, args=(k,)) for k in range(1, members)]
        for helper in helpers:
            helper.start()
        help_out(0)
        for helper in helpers:
            helper.join()
        for kind, number in enumerate(items):
            assert (done[kind * 100 : kind * 100 + number] == ROUNDS).all()
        assert done.sum() == ROUNDS * sum(items) and wrong[0] == 0


def test_one_thread_does_the_work_of_a_crew_whose_others_never_come():
    crew = crew_for(3, [6, 4], [False, False])
    done, wrong = np.zeros(300, dtype=np.int64), np.zeros(1, dtype=np.int64)
    begin(crew)
    assert work(crew, 2, done, wrong)
    assert done.sum() == ROUNDS * 10 and wrong[0] == 0


def test_items_are_taken_backwards_where_a_phase_says_so():
    crew = crew_for(1, [4], [True])
    begin(crew)
    assert [take(crew, 0)[1] for _ in range(4)] == [3, 2, 1, 0]
    assert take(crew, 0)[0] == wait_for_item(crew, 0)[0] == NONE
    finish(crew)
    assert take(crew, 0)[0] == wait_for_item(crew, 0)[0] == DONE
