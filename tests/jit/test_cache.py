"""Compiled code in files: many processes at once, damaged files, folders that cannot be written."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from numba.core.errors import TypingError

from nw2v.jit import COMPILED, cache, kernel
from nw2v.jit.cache import CodeFiles

ROOT = Path(__file__).parents[2]
TRAIN = """
import hashlib, sys
import nw2v
from nw2v.jit.compile import compilations_told
seconds = []
text = [["a", "b", "c", "d", "e"] * 8] * 30
with compilations_told(lambda: None, seconds.append):
    model = nw2v.train(
        nw2v.Corpus.from_sentences(text, min_count=1), loss=sys.argv[1], dim=int(sys.argv[2]),
        threads=int(sys.argv[3]), epochs=1, deterministic=True, heldout_fraction=0.0,
    )
print(hashlib.blake2b(model.center_vectors.tobytes()).hexdigest(), len(seconds))
"""


def start(folder, *arguments):
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", TRAIN, *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, "NUMBA_CACHE_DIR": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def told_by(process):
    output, errors = process.communicate(timeout=300)
    assert process.returncode == 0, errors
    digest, compiled = output.split()
    return digest, int(compiled)


@pytest.mark.skipif(not COMPILED, reason="nothing is compiled")
def test_processes_that_start_at_once_on_an_empty_cache_all_get_the_right_code(tmp_path):
    """Several of the same kind, others with another dimension or loss, all with other threads."""
    jobs = [
        ("negative_sampling", 8, 1),
        ("negative_sampling", 8, 3),
        ("negative_sampling", 24, 2),
        ("naive_softmax", 8, 2),
    ]
    together = [told_by(process) for process in [start(tmp_path, *job) for job in jobs]]
    assert together[0][0] == together[1][0]
    assert len({digest for digest, _ in together}) == 3
    for job, (digest, _) in zip(jobs[1:], together[1:], strict=True):
        # Another start finds all code, whatever the number of threads, and computes the same.
        again = told_by(start(tmp_path, *job[:2], job[2] + 1))
        assert again == (digest, 0)
    assert not list(tmp_path.rglob("*.lock")) and not list(tmp_path.rglob("*.tmp*"))


def files(folder, sources="sources"):
    return CodeFiles(folder, "kernel-12.py311", sources)


KEY = (("int64",), ("x86_64", "cpu", "+avx2"), ("digest",))


def test_what_was_saved_is_loaded_under_the_same_key_and_sources_alone(tmp_path):
    files(tmp_path).save(KEY, b"code")
    assert files(tmp_path).load(KEY) == b"code"
    assert files(tmp_path).load((("float32",), *KEY[1:])) is None
    assert files(tmp_path, "other sources").load(KEY) is None


@pytest.mark.parametrize("damage", ["cut", "changed", "emptied"])
def test_a_damaged_file_is_as_if_it_were_not_there(tmp_path, damage):
    kept = files(tmp_path)
    kept.save(KEY, b"code" * 100)
    path = kept.path(KEY)
    content = path.read_bytes()
    changed = {"cut": content[:-1], "emptied": b""}
    changed["changed"] = content[:50] + bytes([content[50] ^ 1]) + content[51:]
    path.write_bytes(changed[damage])
    assert files(tmp_path).load(KEY) is None
    kept.save(KEY, b"new")
    assert files(tmp_path).load(KEY) == b"new"


def test_saving_removes_what_older_sources_left(tmp_path):
    files(tmp_path, "old").save(KEY, b"old")
    stranger = tmp_path / "other-12.py311.1.nbc"
    stranger.write_bytes(b"")
    files(tmp_path, "new").save(KEY, b"new")
    assert {path.name for path in tmp_path.iterdir()} == {
        stranger.name,
        files(tmp_path, "new").path(KEY).name,
    }


def test_a_process_that_ends_lets_the_others_go_on(tmp_path):
    claim = """
import sys
from pathlib import Path
from tests.jit.test_cache import KEY, files
kept = files(Path(sys.argv[1]))
assert kept.claim(KEY)
"""
    subprocess.run([sys.executable, "-c", claim, str(tmp_path)], cwd=ROOT, check=True)
    waiting = files(tmp_path)
    assert waiting.claim(KEY) and not waiting.claim(KEY)
    waiting.release()
    assert not list(tmp_path.glob("*.lock"))


@pytest.mark.skipif(not COMPILED, reason="nothing is compiled")
def test_a_compilation_that_fails_lets_the_others_go_on():
    @kernel
    def impossible(number):
        return number.no_such_thing

    cache: Any = impossible._cache  # type: ignore[attr-defined]
    claimed = []
    claim = cache._files.claim

    def noted(key):
        found = claim(key)
        claimed.extend(cache._files._claims)
        return found

    cache._files.claim = noted
    with pytest.raises(TypingError, match="no_such_thing"):
        impossible(1)
    assert len(claimed) == 1 and not cache._files._claims


@pytest.mark.skipif(not COMPILED, reason="nothing is compiled")
def test_code_of_sources_that_have_changed_is_not_kept(monkeypatch):
    @kernel
    def increment(number):
        return number + 1

    kept: Any = increment._cache  # type: ignore[attr-defined]
    kept.flush()
    with monkeypatch.context() as changed:
        changed.setattr(cache, "_times_of_sources", lambda: (("edited since", 1, 1),))
        assert increment(1) == 2
        assert kept.is_empty()
    assert increment(1.0) == 2.0
    assert not kept.is_empty()
    kept.flush()
