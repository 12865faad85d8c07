from __future__ import annotations

import threading
from collections.abc import Iterator
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nw2v.corpus.pipeline import in_parallel, read_ahead
from nw2v.errors import InputError


def threads_left(name: str) -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith(name)]


@given(st.lists(st.integers()))
def test_reading_ahead_changes_nothing(items: list[int]) -> None:
    assert list(read_ahead(iter(items), depth=2)) == items


def test_reading_ahead_passes_errors_on_and_ends_its_thread() -> None:
    def failing() -> Iterator[int]:
        yield 1
        raise InputError("as expected")

    with pytest.raises(InputError, match="as expected"):
        list(read_ahead(failing()))

    endless = read_ahead(iter(int, 1), depth=2)
    assert next(endless) == 0
    endless.close()  # type: ignore[attr-defined]
    assert not threads_left("nw2v-reader")


def test_leaving_does_not_wait_for_a_pipe_that_nothing_comes_from(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("nw2v.corpus.pipeline._PATIENCE", 0.01)
    something_comes = threading.Event()

    def waiting() -> Iterator[int]:
        yield 1
        something_comes.wait()
        yield 2

    items = read_ahead(waiting())
    assert next(items) == 1
    items.close()  # type: ignore[attr-defined]
    (reader,) = threads_left("nw2v-reader")
    something_comes.set()
    reader.join()


@pytest.mark.parametrize("threads", [1, 2, 5])
@pytest.mark.parametrize("number", [0, 1, 3, 100])
def test_what_is_worked_out_in_parallel_comes_in_order(threads: int, number: int) -> None:
    assert list(in_parallel(str, range(number), threads)) == list(map(str, range(number)))


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_an_error_comes_in_its_turn(threads: int) -> None:
    def work(item: int) -> int:
        if item == 7:
            raise InputError("as expected")
        return item

    results = in_parallel(work, count(), threads)
    assert [next(results) for _ in range(7)] == list(range(7))
    with pytest.raises(InputError, match="as expected"):
        next(results)
    assert not threads_left("nw2v-corpus")


def test_few_items_are_under_way_and_leaving_ends_the_threads() -> None:
    taken = count()
    results = in_parallel(lambda item: item, taken, 3)
    assert next(results) == 0
    assert next(taken) <= 8
    results.close()  # type: ignore[attr-defined]
    assert not threads_left("nw2v-corpus")
