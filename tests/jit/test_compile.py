"""Compilation: one set of flags, and a cache that notices changes in other files."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from nw2v.jit.compile import COMPILED, FAST_MATH


def test_nan_and_infinity_are_not_assumed_away():
    assert not {"nnan", "ninf", "fast"} & FAST_MATH


@pytest.mark.skipif(not COMPILED, reason="nothing is compiled")
def test_a_change_in_another_file_of_the_package_reaches_a_cached_kernel(tmp_path):
    """Numba alone would go on with the compiled code of the old leaf."""
    package = tmp_path / "nw2v"
    source = Path(__file__).parents[2] / "nw2v"
    (package / "jit").mkdir(parents=True)
    for file in [*(source / "jit").glob("*.py"), *source.glob("*.py")]:
        (package / file.relative_to(source)).write_text(file.read_text())
    (package / "outer.py").write_text(
        "from nw2v.jit import kernel\nfrom nw2v.leaf import leaf\n\n\n"
        "@kernel\ndef outer(x):\n    return leaf(x)\n"
    )

    def answer(number):
        (package / "leaf.py").write_text(
            f"from nw2v.jit import kernel\n\n\n@kernel\ndef leaf(x):\n    return x + {number}\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", "from nw2v.outer import outer; print(outer(1))"],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(tmp_path)},
            capture_output=True,
            text=True,
            check=True,
        )
        return int(done.stdout)

    assert answer(10) == 11
    assert answer(10) == 11
    assert answer(200) == 201
