"""Nothing is read or written beyond the arrays: each ends where memory does."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from nw2v.jit import COMPILED

AT_THE_EDGE = """
import ctypes, math, mmap, sys
import numpy as np
import nw2v.jit.atomics

libc, rooms = ctypes.CDLL(None, use_errno=True), []

def at_the_edge(shape, dtype):
    kind = np.dtype(dtype)
    size = math.prod(shape if isinstance(shape, tuple) else (shape,)) * kind.itemsize
    room = mmap.mmap(-1, (-(-size // mmap.PAGESIZE) + 1) * mmap.PAGESIZE)
    end = len(room) - mmap.PAGESIZE
    data = np.frombuffer(room, dtype=np.uint8)
    nothing = 0  # PROT_NONE
    assert libc.mprotect(ctypes.c_void_p(data.ctypes.data + end), mmap.PAGESIZE, nothing) == 0
    rooms.append(room)
    return data[end - size : end].view(kind).reshape(shape)

nw2v.jit.atomics.zeros_on_own_lines = at_the_edge

from nw2v.jit.random import stream_key
from nw2v.kernels import hot_rows
from nw2v.kernels.negative_sampling import Vectors, negative_sampling_pass, new_workspace
from nw2v.kernels.stream import Text, window_law
from nw2v.jit.registers import aligned_zeros, row_layout
from tests.kernels.texts import batch_law_for, pieces_of, sums

vocabulary, copied = 40, 7
generator = np.random.default_rng(1)
offsets = np.cumsum([0, 1, 700, 3, 33, 250, 64])
tokens = at_the_edge(int(offsets[-1]), np.int32)
tokens[:] = generator.integers(0, vocabulary, len(tokens))
text, counts = Text(tokens, offsets), np.bincount(tokens, minlength=vocabulary)
if sys.argv[1] == "beyond":  # what is tested must be able to fail
    text = Text(tokens, offsets + 2000)
for dim in (7, 100):
    lanes, length = row_layout(dim)
    V, U = (aligned_zeros(vocabulary + copied, length) for _ in range(2))
    copies = hot_rows._new_copies(copied, vocabulary, length, slices=2, stride=1)
    for window, pool, parts in ((1, 4, 1), (2, 8, 3), (5, 12, 1), (100, 24, 7), (100, 12, 1)):
        law = window_law(counts, window=window, subsample=0.0, shrink=window == 5)
        batch_law = batch_law_for(counts, pool=pool, parts=parts, alike=4)
        table = at_the_edge(len(batch_law.table), np.int32)
        table[:] = batch_law.table
        batch_law = batch_law._replace(table=table)
        V[:vocabulary, :dim] = generator.normal(size=(vocabulary, dim))
        hot_rows.copy_rows(V, U, copies)
        for own in (copies, None):
            workspace = new_workspace(700, len(V), window, pool, length, own)
            pieces, ledger = pieces_of(text, stream_key(1), 1e-5, [0, 2, 5, 6])
            negative_sampling_pass(
                Vectors(lanes, V, U), text, law, batch_law, pieces, ledger, workspace
            )
            assert ledger.done.all() and np.isfinite(sums(ledger)[0])
print("done")
"""


@pytest.mark.skipif(not COMPILED, reason="Python itself looks where arrays end")
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="memory is protected another way")
def test_a_pass_reads_and_writes_nothing_beyond_its_arrays():
    within, beyond = (
        subprocess.run(
            [sys.executable, "-c", AT_THE_EDGE, where],
            cwd=Path(__file__).parents[2],
            capture_output=True,
            text=True,
        )
        for where in ("within", "beyond")
    )
    assert within.returncode == 0, within.stderr[-2000:]
    assert within.stdout == "done\n"
    assert beyond.returncode < 0, "what lies beyond an array can be read"
