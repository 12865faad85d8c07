"""Processes that want the same part of the cache at the same moment, and some that are killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from nw2v.corpus.cache import ArrayWriter, open_or_make
from nw2v.errors import InputError
from nw2v.jit import COMPILED

ROOT = Path(__file__).parents[2]

# Waits until all are ready, then says which parts it made itself: only who makes them is told how
# far it is.
WANT = """
import json, sys, time
from pathlib import Path
from nw2v.corpus import Corpus
text, ready, others = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
made = set()
(ready / sys.argv[4]).touch()
while len(list(ready.iterdir())) < others:
    time.sleep(0.001)
corpus = Corpus.from_file(text, progress=lambda *_: made.add("text"))
split = corpus.split(0.1)
counts = split.cooccurrences(
    window=5, subsample=0.0, shrink_window=True, progress=lambda *_: made.add("counts"))
print(json.dumps([sorted(made), corpus.fingerprint, len(split.training.tokens), counts.total()]))
"""


@pytest.mark.skipif(not COMPILED, reason="takes long where nothing is compiled")
def test_one_process_reads_and_counts_and_the_other_waits_for_it(tmp_path: Path) -> None:
    generator = np.random.default_rng(1)
    words = np.array([f"w{number}" for number in range(3000)])
    lines = generator.choice(words, size=(5000, 20))
    text = tmp_path / "text.txt"
    text.write_text("\n".join(map(" ".join, lines)) + "\n")
    ready = tmp_path / "ready"
    ready.mkdir()
    processes = [
        subprocess.Popen(
            [sys.executable, "-W", "error", "-c", WANT, str(text), str(ready), "2", str(number)],
            cwd=ROOT,
            env={**os.environ, "NW2V_CACHE": str(tmp_path / "cache")},
            stdout=subprocess.PIPE,
            text=True,
        )
        for number in range(2)
    ]
    told = [json.loads(process.communicate(timeout=300)[0]) for process in processes]
    assert sorted(part for made, *_ in told for part in made) == ["counts", "text"]
    assert all(result == told[0][1:] for _, *result in told)
    assert len(list((tmp_path / "cache" / "corpora").iterdir())) == 1
    assert not list((tmp_path / "cache").rglob(".*"))


HOLD = """
import sys, time
from pathlib import Path
import numpy as np
from nw2v.corpus.cache import open_or_make
def make(writer):
    writer.append("numbers", np.arange(10_000_000))
    print("half", flush=True)
    time.sleep(600)
open_or_make(Path(sys.argv[1]), make)
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_who_dies_while_making_lets_the_others_go_on(tmp_path: Path, number: int) -> None:
    folder = tmp_path / "counts" / "0123"
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder)],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert holder.stdout is not None and holder.stdout.readline() == "half\n"
    holder.send_signal(number)
    holder.communicate()
    assert not folder.exists()

    def make(writer: ArrayWriter) -> None:
        writer.append("numbers", np.arange(3))
        writer.seal({})

    assert open_or_make(folder, make).arrays["numbers"].tolist() == [0, 1, 2]
    assert [path.name for path in folder.parent.iterdir()] == ["0123"]


def test_what_cannot_be_made_leaves_nothing(tmp_path: Path) -> None:
    def fail(writer: ArrayWriter) -> None:
        writer.append("numbers", np.arange(3))
        raise InputError("no room")

    with pytest.raises(InputError, match="no room"):
        open_or_make(tmp_path / "0123", fail)
    assert list(tmp_path.iterdir()) == []
