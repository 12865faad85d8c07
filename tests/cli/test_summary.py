"""Tests of what `nw2v train` says about scores."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from nw2v.cli.summary import _program, summary


def said(metrics: dict[str, float], **settings: Any) -> str:
    model: Any = SimpleNamespace(metrics=metrics, steps=5000)
    given = {"evaluation.heldout_fraction": 0.02} | settings
    return summary(model, given, Path("run"), None, short=True)


def test_worse_than_word_frequencies_is_hinted_at() -> None:
    worse = {"valid/cross_entropy": 7.5, "valid/cross_entropy_unigram": 7.0}
    assert "word frequencies alone do better: more passes" in said(worse)
    assert "hint" not in said(worse | {"valid/cross_entropy": 6.9})


@pytest.mark.parametrize(
    ("fraction", "why"), [(0, "evaluation.heldout_fraction=0"), (0.02, "too little text")]
)
def test_missing_scores_are_explained(fraction: float, why: str) -> None:
    expected = f"not measured: nothing was held out ({why})"
    assert expected in said({}, **{"evaluation.heldout_fraction": fraction})


def test_no_speed_of_a_moment() -> None:
    assert "words/s" not in said({"train/loss": 1.0, "train/seconds": 0.05})
    assert "words/s" in said({"train/loss": 1.0, "train/seconds": 0.5})


def test_commands_are_shown_as_they_can_be_typed(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    beside = tmp_path / ".venv" / "bin"
    beside.mkdir(parents=True)
    (beside / "nw2v").touch(mode=0o755)
    monkeypatch.setattr(sys, "executable", str(beside / "python"))
    monkeypatch.setenv("PATH", str(tmp_path))
    assert Path(_program()) == Path(".venv/bin/nw2v")
    monkeypatch.setenv("PATH", str(beside))
    assert _program() == "nw2v"
