"""Kernels compiled by another process: on an empty cache alone, and just those that are needed."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest

from nw2v.jit import COMPILED
from nw2v.training import compile_ahead

TRAIN = """
import json, sys
import nw2v
corpus = nw2v.Corpus.from_file(sys.argv[1], min_count=1, cache_dir=sys.argv[2])
nw2v.train(corpus, epochs=1, heldout_fraction=0.0, **json.loads(sys.argv[3]))
"""
SETTINGS = [
    {"trainer": "stream", "loss": "negative_sampling", "dim": 8, "deterministic": False},
    {"trainer": "stream", "loss": "naive_softmax", "dim": 8, "deterministic": False},
    {"trainer": "cooccurrence", "loss": "naive_softmax", "dim": 8},
]


@pytest.mark.skipif(not COMPILED, reason="nothing is compiled")
@pytest.mark.parametrize("settings", SETTINGS)
def test_training_finds_what_was_compiled_ahead(settings, tmp_path):
    code, text = tmp_path / "code", tmp_path / "text.txt"
    text.write_text("a b c d e f g h\n" * 200, encoding="utf-8")
    kernels = (
        "negative_sampling_pass", "begin_together", "work_together", "begin_piece", "work",
        "sampling_residuals", "softmax_exponentials", "softmax_residuals", "adam_rows", "sum_rows",
    )  # fmt: skip

    def run(*arguments):
        subprocess.run(
            [sys.executable, "-W", "error", *arguments],
            env={**os.environ, "NUMBA_CACHE_DIR": str(code)},
            check=True,
            timeout=300,
        )
        names = (path.name for path in code.rglob("*.nbc"))
        return sorted(
            name for name in names if name.partition("-")[0].rpartition(".")[2] in kernels
        )

    found = run("-m", "nw2v.training.compile_ahead", json.dumps(settings))
    assert found
    assert run("-c", TRAIN, str(text), str(tmp_path / "cache"), json.dumps(settings)) == found


@pytest.mark.parametrize("settings", [SETTINGS[0], SETTINGS[2]])
def test_nothing_is_compiled_ahead_where_code_is_kept(monkeypatch, settings):
    started = []
    monkeypatch.setattr(subprocess, "Popen", lambda *arguments, **_: started.append(arguments))
    for kept in (True, False):
        monkeypatch.setattr(compile_ahead, "is_kept", lambda kernel, kept=kept: kept)
        compile_ahead.compile_ahead(settings)
    assert len(started) == 1
