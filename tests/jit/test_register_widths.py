"""The register code for CPUs other than this one: LLVM splits or joins what it writes."""

from __future__ import annotations

import math
import os
import subprocess
import sys
from pathlib import Path

import pytest

from nw2v.jit import COMPILED
from nw2v.jit.registers import LANES, TARGET_LANES

OTHER_CPU = """
import sys
import nw2v.jit.registers as registers
registers.LANES = int(sys.argv[1])
registers.MOST_SUMS = 12 if registers.LANES == 8 else 24
import pytest
tests = ["tests/jit/test_batches.py", "tests/jit/test_softmax_rows.py"]
few = ["-k", "not 300"]  # Long rows take long to compile, and say nothing more.
sys.exit(pytest.main(["-q", "-p", "no:cacheprovider", *few, *tests]))
"""


@pytest.mark.skipif(not COMPILED or LANES == 0, reason="no register code is compiled")
@pytest.mark.parametrize("lanes", sorted({4, 8, 16} - {LANES}))
def test_rows_in_registers_of_another_width(lanes, tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", OTHER_CPU, str(lanes)],
        cwd=Path(__file__).parents[2],
        # A cache of its own: cached code is known by the CPU that it was compiled for.
        env={**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def run_for(code, **numba_settings):
    settings = {f"NUMBA_{name}": value for name, value in numba_settings.items()}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(__file__).parents[2],
        env={**os.environ, **settings},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


@pytest.mark.skipif(not COMPILED, reason="nothing is compiled for any CPU")
@pytest.mark.skipif(TARGET_LANES < 8, reason="a CPU of another kind, or an old one")
def test_registers_are_those_of_the_cpu_that_is_compiled_for():
    """Not of the one that compiles: it may have wider ones, and other instructions."""
    lanes = "from nw2v.jit.registers import LANES; print(LANES)"
    assert run_for(lanes, ENABLE_AVX="0") == ["0"]
    assert run_for(lanes, CPU_NAME="generic", CPU_FEATURES="") == ["0"]
    haswell = {"CPU_NAME": "haswell", "CPU_FEATURES": "+avx,+avx2,+fma"}
    assert run_for(lanes, **haswell) == ["8"]
    code = """
import numpy as np
from numba import njit
from nw2v.jit.batches import BATCH, negative_terms
from nw2v.jit.registers import LANES, aligned_zeros, row_layout
@njit
def loss(lanes, scores, weights, expected, observed):
    return negative_terms(lanes, scores, 4, weights, np.float32(1), expected, observed)
weights, observed = np.ones(BATCH, np.float32), np.zeros((2, 4), np.float32)
print(LANES, round(loss(row_layout(8)[0], aligned_zeros(4, BATCH), weights, *observed), 3))
"""
    assert run_for(code, **haswell) == ["8", str(round(4 * 32 * math.log(2), 3))]
