"""Work in threads that comes out in order: reading ahead, and many pieces of a text at once."""

from __future__ import annotations

import queue
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

from nw2v.cores import available_cores

Item = TypeVar("Item")
Result = TypeVar("Result")

_MOST_THREADS = 16  # beyond, the one thread that reads a file cannot keep up
_PATIENCE = 2.0  # seconds


def threads_for_text() -> int:
    """Threads that work on a text: one for each core this process may use, 16 at most."""
    return min(available_cores(), _MOST_THREADS)


def in_parallel(
    work: Callable[[Item], Result], items: Iterable[Item], threads: int
) -> Iterator[Result]:
    """Give ``work(item)`` for all items, in their order, worked out in `threads` threads.

    Few items are under way at any time, and a thread takes them in their order. An exception is
    raised in its turn, and leaving the loop early ends the threads.
    """
    if threads == 1:
        yield from map(work, items)
        return
    under_way: deque[Future[Result]] = deque()
    with ThreadPoolExecutor(threads, thread_name_prefix="nw2v-corpus") as pool:
        try:
            for item in items:
                under_way.append(pool.submit(work, item))
                if len(under_way) > 2 * threads:
                    yield under_way.popleft().result()
            while under_way:
                yield under_way.popleft().result()
        finally:
            for future in under_way:
                future.cancel()


def read_ahead(items: Iterator[Item], depth: int = 4) -> Iterator[Item]:
    """Go through `items` in a thread of their own, at most `depth` of them ahead.

    An exception raised by `items` is raised here, and leaving the loop early ends the thread: at
    its next item, if it waits for that longer than `_PATIENCE`, as at a pipe that nothing comes
    from.
    """
    waiting: queue.Queue[tuple[str, Any]] = queue.Queue(maxsize=depth)
    stopped = threading.Event()

    def put(kind: str, value: Any) -> None:
        while not stopped.is_set():
            try:
                return waiting.put((kind, value), timeout=0.1)
            except queue.Full:
                continue

    def produce() -> None:
        try:
            for item in items:
                put("item", item)
                if stopped.is_set():
                    return
            put("end", None)
        except BaseException as error:
            put("error", error)

    thread = threading.Thread(target=produce, name="nw2v-reader", daemon=True)
    thread.start()
    try:
        while True:
            kind, value = waiting.get()
            if kind == "end":
                return
            if kind == "error":
                raise value
            yield value
    finally:
        stopped.set()
        thread.join(_PATIENCE)
