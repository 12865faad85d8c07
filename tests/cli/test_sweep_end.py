"""How a sweep ends: what it needs for that is there when the last job is done."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from nw2v.cli import sweep_end

# Prints which modules come with the preparation, and which only later.
PROGRAM = """
import sys
from nw2v.cli import sweep_end
before = set(sys.modules)
sweep_end._import()
print(*sorted(set(sys.modules) - before))
"""


def test_what_takes_long_to_import_is_there() -> None:
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    wanted = {"matplotlib.backends.backend_agg", "nw2v.api", "nw2v.plots.word_map", "pandas"}
    assert wanted | {"nw2v.sweeps.report", "scipy.special"} <= set(run.stdout.split())


def test_what_is_missing_is_told_at_the_end_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "scipy.special", None)
    sweep_end._import()
    assert capsys.readouterr().err == ""
