"""The register code for CPUs other than this one: LLVM splits or joins what it writes."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from nw2v.jit import COMPILED
from nw2v.jit.registers import LANES

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
        # A cache of its own: cached code does not know the width that it was written for.
        env={**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
