"""Locks that one process or thread at a time can have."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest

from nw2v.files import exclusive, return_lock, take_lock

ROOT = Path(__file__).parents[1]


def test_one_at_a_time_has_the_lock(tmp_path: Path) -> None:
    inside, most = 0, 0
    change = threading.Lock()

    def work() -> None:
        nonlocal inside, most
        for _ in range(5):
            with exclusive(tmp_path / "lock"):
                with change:
                    inside += 1
                    most = max(most, inside)
                with change:
                    inside -= 1

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert most == 1
    assert list(tmp_path.iterdir()) == []


def test_a_lock_ends_with_its_process(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    take = "import sys; from nw2v.files import *; import os; take_lock(Path(sys.argv[1]));"
    holder = subprocess.Popen(
        [sys.executable, "-c", take + "print(flush=True); input()", str(path)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert holder.stdout is not None
    holder.stdout.readline()
    assert take_lock(path) is None
    holder.kill()
    holder.communicate()
    assert path.exists()
    descriptor = take_lock(path)
    assert descriptor is not None
    return_lock(path, descriptor)
    assert not path.exists()


def test_waiting_ends(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with exclusive(path), pytest.raises(TimeoutError), exclusive(path, patience=0.1):
        pass
    with pytest.raises(FileNotFoundError), exclusive(tmp_path / "nowhere" / "lock"):
        pass
