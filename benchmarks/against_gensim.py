"""nw2v beside gensim in one sitting: speed and quality of the same training on the same text.

    python benchmarks/against_gensim.py --corpus FILE --analogies google --similarity men ...

Each run is a process of its own; the systems take turns, so that a machine that slows down slows
down both. Writes a Markdown report and all numbers as JSON.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import shlex
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from nw2v import Corpus, InputError, WordVectors
from nw2v.evaluation import (
    AnalogySet,
    SimilaritySet,
    evaluate_analogies,
    evaluate_similarity,
    load_analogies,
    load_similarity,
)
from nw2v.files import write_atomically
from nw2v.training.settings import TrainingSettings, available_cores

HERE = Path(__file__).resolve().parent
WARM_UP_SENTENCES = 300
TRAINING_KEYWORDS = ("epochs", "dim", "window", "negatives", "subsample", "threads")


@dataclass(frozen=True)
class System:
    """What is compared: a program at a learning rate (None: its own default)."""

    program: str
    learning_rate: float | None

    @property
    def label(self) -> str:
        """What the report calls it."""
        rate = "" if self.learning_rate is None else f", learning rate {self.learning_rate:g}"
        return f"{self.program} {version(self.program)}{rate}"


# --- one run ------------------------------------------------------------------------------------


def run(system: System, text: Path, setting: dict[str, Any], seed: int) -> tuple[dict, WordVectors]:
    """Start a run in a new process and wait for it: its measurements and its vectors."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        order = {
            "text": str(text),
            "folder": str(folder),
            "setting": setting,
            "seed": seed,
            **asdict(system),
        }
        start = time.time()
        done = subprocess.run(
            [sys.executable, str(HERE / "training_run.py"), json.dumps(order)],
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"{system.label}, seed {seed}, failed:\n{done.stderr}")
        measured = json.loads((folder / "run.json").read_text())
        measured["whole_seconds"] = measured.pop("ready") - start
        words = (folder / "words.txt").read_text(encoding="utf-8").split("\n")
        vectors = np.load(folder / "vectors.npy")
        counts = np.load(folder / "counts.npy")
    tokens = int(counts.sum()) * setting["epochs"]
    measured["words_per_second"] = tokens / measured["training_seconds"]
    return measured, WordVectors(words, vectors, counts)


# --- the text and the scores --------------------------------------------------------------------


def write_text(corpus: Corpus, path: Path, sentences: int | None = None) -> None:
    """Write the words of a corpus, a sentence a line: what both systems read, word for word."""
    last = corpus.sentence_count if sentences is None else min(sentences, corpus.sentence_count)
    words = np.array(corpus.words[:], dtype=object)
    with path.open("w", encoding="utf-8") as file:
        for sentence in range(last):
            first, end = corpus.offsets[sentence : sentence + 2]
            file.write(" ".join(words[corpus.tokens[first:end]]) + "\n")


def score(
    vectors: WordVectors,
    analogies: Sequence[AnalogySet],
    similarity: Sequence[SimilaritySet],
    analogy_words: int,
) -> dict[str, float]:
    """Score vectors on each set, in hundredths: accuracy by 3CosAdd, Spearman's correlation."""
    scores = {
        one.name: evaluate_analogies(vectors, one, max_words=analogy_words).accuracy
        for one in analogies
    }
    scores |= {one.name: evaluate_similarity(vectors, one).spearman for one in similarity}
    for name, value in scores.items():
        if np.isnan(value):
            raise InputError(f"the text has too few words of the set {name} to score it")
    scores["mean"] = statistics.fmean(scores.values())
    return {name: 100 * value for name, value in scores.items()}


# --- the report ---------------------------------------------------------------------------------


def machine() -> dict[str, Any]:
    model = platform.processor() or platform.machine()
    with contextlib.suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                model = line.split(":", 1)[1].strip()
                break
    facts: dict[str, Any] = {
        "processor": model,
        "cores": available_cores(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
    }
    facts |= {name: version(name) for name in ("nw2v", "numba", "numpy", "scipy", "gensim")}
    with contextlib.suppress(OSError, subprocess.CalledProcessError):
        head = ["git", "-C", str(HERE), "describe", "--always", "--dirty", "--abbrev=12"]
        facts["commit"] = subprocess.check_output(
            head, text=True, stderr=subprocess.DEVNULL
        ).strip()
    if hasattr(os, "getloadavg"):
        facts["load_before"] = round(os.getloadavg()[0], 1)
    return facts


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    rules = ["---", *["---:"] * (len(header) - 1)]
    return "\n".join(f"| {' | '.join(row)} |" for row in (header, rules, *rows))


def medians(runs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Median of each measurement over the runs of a system, and of each score."""
    result: dict[str, Any] = {
        name: statistics.median(run[name] for run in runs)
        for name in ("training_seconds", "whole_seconds", "words_per_second", "learning_rate")
    }
    memory = [run["peak_mebibytes"] for run in runs]
    result["peak_mebibytes"] = None if None in memory else statistics.median(memory)
    result["scores"] = {
        name: statistics.median(run["scores"][name] for run in runs) for name in runs[0]["scores"]
    }
    return result


def report(record: dict[str, Any]) -> str:
    """Put everything that was measured into Markdown."""
    runs: list[dict[str, Any]] = record["runs"]
    summary: dict[str, Any] = record["medians"]
    base = next(iter(summary.values()))
    names = list(base["scores"])
    speed = [
        [
            label,
            f"{one['learning_rate']:g}",
            f"{one['training_seconds']:.2f}",
            f"{one['whole_seconds']:.2f}",
            f"{one['words_per_second'] / 1e6:.2f} M",
            f"{base['training_seconds'] / one['training_seconds']:.2f}",
            f"{base['whole_seconds'] / one['whole_seconds']:.2f}",
            "" if one["peak_mebibytes"] is None else f"{one['peak_mebibytes']:.0f}",
        ]
        for label, one in summary.items()
    ]
    quality = [
        [label, *(f"{one['scores'][name]:.1f}" for name in names)] for label, one in summary.items()
    ]
    single = [
        [
            run["system"],
            str(run["seed"]),
            f"{run['training_seconds']:.2f}",
            f"{run['whole_seconds']:.2f}",
            *(f"{run['scores'][name]:.1f}" for name in names),
        ]
        for run in runs
    ]
    text, seeds = record["text"], len({run["seed"] for run in runs})
    settings = ", ".join(f"{name} {value}" for name, value in record["setting"].items())
    about = ", ".join(f"{name} {value}" for name, value in record["machine"].items())
    parts = [
        f"# nw2v against gensim: {text['name']}",
        f"```\n{record['command']}\n```",
        f"Text: {text['name']}, {text['tokens']:,} words in {text['sentences']:,} sentences; "
        f"{text['vocabulary_size']:,} words in the vocabulary, which stand for "
        f"{text['vocabulary_tokens']:,} of them.  \nBoth: {settings}.  \nMachine: {about}.",
        f"## Speed, medians of {seeds} seed{'s' if seeds > 1 else ''}",
        table(
            [
                *("system", "learning rate", "training s", "whole s", "words/s"),
                *("times as fast: training", "whole", "peak MiB"),
            ],
            speed,
        ),
        "Training: the passes alone. Whole: the process, from its start until the vectors are "
        "there: imports, reading the text, the vocabulary, training. Words/s: words of the "
        f"vocabulary times passes, by training seconds. Ratios are to {next(iter(summary))}. "
        f"A first, short run of nw2v took {record['warm_up_seconds']:.1f} s: it compiles what is "
        "not compiled yet, and is not counted.",
        f"## Quality, medians of {seeds} seed{'s' if seeds > 1 else ''}",
        table(["system", *names], quality),
        f"Analogies: accuracy by 3CosAdd over the {record['analogy_words']:,} most frequent words; "
        "similarity: Spearman's correlation; both times 100, by the same code for all systems, on "
        "center vectors.",
        "## Every run, in the order of the sitting",
        table(["system", "seed", "training s", "whole s", *names], single),
    ]
    return "\n\n".join(parts) + "\n"


# --- the sitting --------------------------------------------------------------------------------


def systems(arguments: argparse.Namespace) -> list[System]:
    """List what is compared: first gensim at its default learning rate, the base of ratios."""
    return [
        System(program, rate)
        for program, rates in (
            ("gensim", arguments.gensim_learning_rate),
            ("nw2v", arguments.nw2v_learning_rate),
        )
        for rate in (None, *rates)
    ]


def command_line(arguments: argparse.Namespace) -> str:
    """Give the command without the folders of this machine."""
    words = ["python", "benchmarks/against_gensim.py"]
    for name, value in vars(arguments).items():
        if name == "out" or value == parser().get_default(name):
            continue
        values = value if isinstance(value, list) else [value]
        words += ["--" + name.replace("_", "-")]
        words += [Path(one).name if isinstance(one, str) else f"{one}" for one in values]
    return shlex.join(words)


def compare(arguments: argparse.Namespace) -> tuple[dict[str, Any], str]:
    """Run all systems with all seeds: what was measured, and a name for it."""
    analogies = [load_analogies(name) for name in arguments.analogies]
    similarity = [load_similarity(name) for name in arguments.similarity]
    if not analogies and not similarity:
        raise InputError("nothing to score: give --analogies or --similarity")
    given = vars(arguments)
    setting = {name: given[name] for name in (*TRAINING_KEYWORDS, "min_count")}
    for rate in (None, *arguments.gensim_learning_rate, *arguments.nw2v_learning_rate):
        TrainingSettings(  # checks the values
            learning_rate=rate, **{name: given[name] for name in TRAINING_KEYWORDS}
        )
    if arguments.corpus is None:
        corpus = Corpus.from_name("docstrings", min_count=arguments.min_count)
    else:
        corpus = Corpus.from_file(arguments.corpus, min_count=arguments.min_count)
    record: dict[str, Any] = {
        "command": command_line(arguments),
        "machine": machine(),
        "setting": setting,
        "analogy_words": arguments.analogy_words,
    }
    runs: list[dict[str, Any]] = []
    known: dict[str, int] = {}
    with tempfile.TemporaryDirectory() as folder:
        text, beginning = Path(folder) / "text.txt", Path(folder) / "beginning.txt"
        write_text(corpus, text)
        write_text(corpus, beginning, WARM_UP_SENTENCES)
        warm_up = {**setting, "min_count": 1, "epochs": 1}
        measured, _ = run(System("nw2v", None), beginning, warm_up, 1)
        record["warm_up_seconds"] = measured["whole_seconds"]
        for turn, seed in enumerate(range(1, arguments.seeds + 1)):
            order = systems(arguments)
            first = turn % len(order)
            for system in order[first:] + order[:first]:
                measured, vectors = run(system, text, setting, seed)
                counts = dict(zip(vectors.words, np.asarray(vectors.counts).tolist(), strict=True))
                if known and counts != known:
                    raise RuntimeError(f"{system.label} has another vocabulary than the first run")
                known = counts
                scores = score(vectors, analogies, similarity, arguments.analogy_words)
                runs.append({"system": system.label, "seed": seed, **measured, "scores": scores})
                print(
                    f"{system.label}, seed {seed}: training {measured['training_seconds']:.2f} s, "
                    f"whole {measured['whole_seconds']:.2f} s, mean score {scores['mean']:.1f}",
                    flush=True,
                )
    record["text"] = {
        "name": corpus.name,
        "tokens": corpus.token_count,
        "sentences": corpus.sentence_count,
        "vocabulary_size": len(known),
        "vocabulary_tokens": int(sum(known.values())),
    }
    labels = [system.label for system in systems(arguments)]
    record["medians"] = {
        label: medians([run for run in runs if run["system"] == label]) for label in labels
    }
    record["runs"] = runs
    return record, corpus.name


def parser() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    add = options.add_argument
    add("--corpus", metavar="FILE", help="text, one sentence a line (default: docstrings)")
    add("--analogies", metavar="SET", nargs="*", default=["nw2v"], help="names or files")
    add("--similarity", metavar="SET", nargs="*", default=[], help="names or files")
    add("--seeds", type=int, default=3, help="runs of each system (default: 3)")
    add("--epochs", type=int, default=5)
    add("--dim", type=int, default=100)
    add("--window", type=int, default=5)
    add("--negatives", type=int, default=5)
    add("--subsample", type=float, default=1e-4)
    add("--min-count", type=int, default=5)
    add("--threads", type=int, default=available_cores(), help="default: all cores")
    add("--analogy-words", type=int, default=30_000, help="answers come from so many words")
    for program in ("gensim", "nw2v"):
        add(
            f"--{program}-learning-rate",
            metavar="RATE",
            type=float,
            nargs="*",
            default=[],
            help=f"rates to try beside {program}'s default",
        )
    add("--out", metavar="PREFIX", help="writes PREFIX.md and PREFIX.json")
    return options


def main() -> int:
    arguments = parser().parse_args()
    if arguments.seeds < 1:
        print("against_gensim: error: --seeds must be 1 or more", file=sys.stderr)
        return 2
    try:
        record, name = compare(arguments)
    except InputError as error:
        print(f"against_gensim: error: {error}", file=sys.stderr)
        return 2
    text = report(record)
    prefix = arguments.out or str(HERE / "results" / f"against_gensim_{name}")
    Path(prefix).parent.mkdir(parents=True, exist_ok=True)
    for ending, content in ((".md", text), (".json", json.dumps(record, indent=1) + "\n")):
        with write_atomically(prefix + ending, "w") as file:
            file.write(content)
    print(f"\n{text}\nWritten to {prefix}.md and {prefix}.json")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
