"""Memory goes back to the system."""

from __future__ import annotations

import ctypes
import sys
from pathlib import Path

import pytest

from nw2v.corpus.freed_memory import give_back_freed_memory


def mebibytes_in_memory() -> float:
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon:")) / 1024


@pytest.mark.skipif(
    sys.platform != "linux" or not hasattr(ctypes.CDLL(None), "malloc_trim"),
    reason="the C library has no call for it",
)
def test_what_was_freed_between_blocks_in_use_is_given_back():
    blocks = [bytes(1000) for _ in range(100_000)]
    full = mebibytes_in_memory()
    blocks[:-1] = []
    give_back_freed_memory()
    assert len(blocks) == 1 and mebibytes_in_memory() < full - 80


def test_other_systems_are_left_alone(monkeypatch):
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(ctypes, "CDLL", None)
    give_back_freed_memory()
