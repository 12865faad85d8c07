"""Find out what the exact softmax buys, and what sampling noise costs.

    python experiments/naive_softmax_vs_negative_sampling/study.py

Two comparisons: of both losses and both trainers, K in {1, 5, 15}, on a whole text; and of the
textbook softmax with its exact form where the textbook is affordable, on few words. Each writes a
report of its own beside this file.
"""

from __future__ import annotations

import argparse
import shlex
import sys
import time
from pathlib import Path
from typing import Any

import nw2v
from nw2v.comparison import System, compare, conclusions, write_report
from nw2v.evaluation import load_analogies, load_similarity
from nw2v.training import Callback
from nw2v.training.progress import ProgressBar

HERE = Path(__file__).parent
KEPT = ("report.md", "scores.csv", "tests.csv", "costs.csv", "curves.csv")
"""What is committed, beside the pictures."""


def parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--corpus", default="docstrings", help="a name or a file")
    parser.add_argument("--analogies", nargs="*", default=["nw2v", "google"], help="names or files")
    parser.add_argument("--similarity", nargs="*", default=["wordsim353", "simlex999"])
    parser.add_argument("--max-vocabulary", type=int, default=20_000)
    parser.add_argument("--negatives", nargs="+", type=int, default=[1, 5, 15])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--textbook-vocabulary", type=int, default=1_000)
    parser.add_argument("--out", type=Path, default=HERE)
    return parser.parse_args(arguments)


def callbacks_for(system: System, seed: int) -> list[Callback]:
    return [ProgressBar(label=f"{system.name}, seed {seed}")]


def main(arguments: list[str]) -> None:
    options = parse(arguments)
    sets: dict[str, Any] = {
        "analogies": {found.name: found for found in map(load_analogies, options.analogies)},
        "similarity": {found.name: found for found in map(load_similarity, options.similarity)},
    }
    read = nw2v.Corpus.from_file if Path(options.corpus).exists() else nw2v.Corpus.from_name
    studies: dict[str, tuple[int, dict[str, Any]]] = {
        "whole_text": (
            options.max_vocabulary,
            {"negatives": options.negatives, "seeds": options.seeds},
        ),
        "textbook": (
            options.textbook_vocabulary,
            {
                "systems": ["naive_softmax/stream", "naive_softmax/cooccurrence"],
                "seeds": min(2, options.seeds),
            },
        ),
    }
    command = shlex.join(["python", f"experiments/{HERE.name}/study.py", *arguments])
    for name, (words, chosen) in studies.items():
        began = time.perf_counter()
        corpus = read(options.corpus, max_vocabulary=words)
        found = compare(corpus, **chosen, **sets, callbacks_for=callbacks_for)
        folder = options.out / name
        for file in write_report(found, folder, command):
            if file.name not in KEPT and file.suffix != ".png":
                file.unlink()
        print(*conclusions(found), sep="\n")
        print(f"{folder}: {time.perf_counter() - began:.0f} s", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
