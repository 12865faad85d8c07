"""What is compared, and how each of them is run: gensim, nw2v in several ways, peers' binaries."""

from __future__ import annotations

import json
import re
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from watched import Watched, watch

import nw2v
from nw2v import WordVectors
from nw2v.corpus.cache import cache_folder
from nw2v.tracking.empty_store import kept_file

HERE = Path(__file__).resolve().parent
SENTENCE_END = "</s>"
"""What word2vec.c, pWord2Vec and fastText take for a word at the end of each line."""
PROGRESS = re.compile(r"Progress:\s*([\d.]+)\s*%")
LEAST_PROGRESS_SEEN = 50.0


class RunFailedError(RuntimeError):
    """A program ended with an error, or without vectors."""


@dataclass(frozen=True)
class System:
    """What is compared: a program at a learning rate, for a number of passes.

    Attributes
    ----------
    program : str
        A key of `PROGRAMS`.
    learning_rate : float or None
        None: its own default.
    binary : str or None
        Where it is, if it is a peer's.
    epochs : int or None
        None: as many as all others.
    """

    program: str
    learning_rate: float | None = None
    binary: str | None = None
    epochs: int | None = None

    @property
    def label(self) -> str:
        """What the report calls it."""
        given = "" if self.learning_rate is None else f", learning rate {self.learning_rate:g}"
        if self.epochs is not None:
            given += f", {self.epochs} passes"
        if self.binary is None:
            first, *rest = self.program.split()
            return " ".join([first, version(first), *rest]) + given
        return self.program + given

    def setting(self, of_all: dict[str, Any]) -> dict[str, Any]:
        """Give the setting of all systems with what is this one's own."""
        return of_all if self.epochs is None else {**of_all, "epochs": self.epochs}


@dataclass(frozen=True)
class Run:
    """What a run measured, and its vectors where it is to be scored.

    Attributes
    ----------
    measured : dict
        training_seconds, whole_seconds, learning_rate, peak_mebibytes; training_told is False
        where the program does not tell when training began, and the whole time stands for it;
        trained_words where these are not all the words of the text times the passes.
    vectors : WordVectors or None
    """

    measured: dict[str, Any]
    vectors: WordVectors | None


def run(system: System, text: Path, setting: dict[str, Any], seed: int) -> Run:
    """Run a system in a process of its own and wait for it.

    Parameters
    ----------
    system : System
    text : Path
    setting : dict
        dim, window, negatives, subsample, min_count, epochs, threads; for the portable path also
        words.
    seed : int
        Binaries are not told: word2vec.c and pWord2Vec take none.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        # The binaries have room for 99 letters of a path: they get names in their own folder.
        try:
            (folder / "text.txt").symlink_to(text)
        except OSError:
            shutil.copyfile(text, folder / "text.txt")
        return PROGRAMS[system.program](system, folder, setting, seed)


def _finished(system: System, watched: Watched) -> Watched:
    if watched.status:
        raise RunFailedError(
            f"{system.label} failed with exit status {watched.status}:\n{watched.text[-2000:]}"
        )
    return watched


def _python(system: System, folder: Path, setting: dict[str, Any], seed: int) -> Run:
    order = {
        "text": str(folder / "text.txt"),
        "folder": str(folder),
        "setting": setting,
        "seed": seed,
        "program": system.program,
        "learning_rate": system.learning_rate,
    }
    start = time.time()
    script = str(HERE / "training_run.py")
    _finished(system, watch([sys.executable, script, json.dumps(order)], folder=folder))
    measured = json.loads((folder / "run.json").read_text())
    measured["whole_seconds"] = measured.pop("ready") - start
    words = (folder / "words.txt").read_text(encoding="utf-8").split("\n")
    vectors = np.load(folder / "vectors.npy")
    return Run(measured, WordVectors(words, vectors) if len(vectors) else None)


def _cache_without_texts(folder: Path) -> Path:
    """Make a cache for a run that reads its text anew, after others that have left all the rest."""
    cache, store = folder / "cache", kept_file()
    if store is not None and store.is_file():
        copy = cache / store.relative_to(cache_folder())
        copy.parent.mkdir(parents=True)
        shutil.copyfile(store, copy)
    return cache


def _nw2v_train(tracking: str) -> Callable[..., Run]:
    """Make what runs the command `nw2v train`: the whole of it, down to the files it leaves."""

    def run_command(system: System, folder: Path, setting: dict[str, Any], seed: int) -> Run:
        values: dict[str, Any] = {
            "corpus": "file",
            "corpus.path": "text.txt",
            "corpus.min_count": setting["min_count"],
            "loss.negatives": setting["negatives"],
            "trainer.epochs": setting["epochs"],
            "trainer.threads": setting["threads"],
            "model.dim": setting["dim"],
            "model.window": setting["window"],
            "model.subsample": setting["subsample"],
            "evaluation.heldout_fraction": 0,
            "evaluation.analogies": "[]",
            "tracking": tracking,
            "seed": seed,
            "hydra.run.dir": "run",
        }
        if system.learning_rate is not None:
            values["trainer.learning_rate"] = system.learning_rate
        command = [sys.executable, "-m", "nw2v", "train"]
        seen = watch(
            [*command, *(f"{name}={value}" for name, value in values.items())],
            folder=folder,
            environment={
                "NW2V_CACHE": str(_cache_without_texts(folder)),
                "MLFLOW_TRACKING_URI": None,
                "MLFLOW_RUN_ID": None,
            },
        )
        _finished(system, seen)
        metrics = json.loads((folder / "run" / "metrics.json").read_text())
        measured = {
            "training_seconds": metrics["train/seconds"],
            "whole_seconds": seen.seconds,
            "learning_rate": system.learning_rate,
            "peak_mebibytes": seen.peak_mebibytes,
        }
        return Run(measured, nw2v.load(folder / "run").vectors)

    return run_command


def _flags(options: dict[str, Any]) -> list[str]:
    return [part for name, value in options.items() for part in (f"-{name}", str(value))]


def _shared_options(setting: dict[str, Any], rate: float) -> dict[str, Any]:
    """Options that word2vec.c and pWord2Vec both have; they take them in any order."""
    return {
        "train": "text.txt",
        "output": "vectors.txt",
        "size": setting["dim"],
        "window": setting["window"],
        "negative": setting["negatives"],
        "sample": setting["subsample"],
        "min-count": setting["min_count"],
        "iter": setting["epochs"],
        "threads": setting["threads"],
        "alpha": rate,
        "binary": 0,
    }


def word2vec_options(setting: dict[str, Any], rate: float, seed: int) -> list[str]:
    """Options of word2vec.c; in its first versions, -hs is on unless it is told."""
    return _flags({**_shared_options(setting, rate), "hs": 0, "cbow": 0})


def pword2vec_options(setting: dict[str, Any], rate: float, seed: int) -> list[str]:
    """Options of pWord2Vec, with a batch as wide as a window, its default."""
    return _flags({**_shared_options(setting, rate), "batch-size": 2 * setting["window"] + 1})


def passes_made(program: str, text: dict[str, Any]) -> float:
    """Passes that a program makes over the words of the vocabulary for each that is asked for."""
    if program != "fastText":
        return 1.0
    # It goes on until it has read as many words and ends of sentences as the text has, without
    # counting those that are too rare for the vocabulary, which it skips.
    ends = int(text["sentences"])
    return float((text["tokens"] + ends) / (text["vocabulary_tokens"] + ends))


def fasttext_options(setting: dict[str, Any], rate: float, seed: int) -> list[str]:
    """Options of fastText without parts of words, which makes it skip-gram as word2vec has it."""
    options = {
        "input": "text.txt",
        "output": "vectors",
        "dim": setting["dim"],
        "ws": setting["window"],
        "neg": setting["negatives"],
        "loss": "ns",
        "t": setting["subsample"] or 1,  # 0 would leave out every word, 1 leaves out none
        "minCount": setting["min_count"],
        "epoch": setting["epochs"],
        "thread": setting["threads"],
        "lr": rate,
        "minn": 0,
        "maxn": 0,
    }
    return ["skipgram", *_flags(options)]


def training_seconds(lines: Sequence[tuple[float, str]]) -> float | None:
    """Time of all passes by the progress that a program printed; None where that says too little.

    From the first to the last percentage, scaled to the whole: what is printed begins after the
    text is read, and ends before the vectors are written.
    """
    seen = [
        (seconds, float(match[1])) for seconds, line in lines if (match := PROGRESS.search(line))
    ]
    if not seen:
        return None
    (began, first), (ended, last) = seen[0], max(seen, key=lambda one: one[1])
    if last - first < LEAST_PROGRESS_SEEN:
        return None
    return (ended - began) * 100.0 / (last - first)


def _binary(
    options: Callable[[dict[str, Any], float, int], list[str]], default_rate: float, output: str
) -> Callable[..., Run]:
    def run_binary(system: System, folder: Path, setting: dict[str, Any], seed: int) -> Run:
        assert system.binary is not None
        rate = default_rate if system.learning_rate is None else system.learning_rate
        binary = str(Path(system.binary).resolve())
        seen = _finished(system, watch([binary, *options(setting, rate, seed)], folder=folder))
        if not (folder / output).is_file():
            raise RunFailedError(f"{system.label} wrote no vectors:\n{seen.text[-2000:]}")
        told = training_seconds(seen.lines)
        measured = {
            "training_seconds": seen.seconds if told is None else told,
            "training_told": told is not None,
            "whole_seconds": seen.seconds,
            "learning_rate": rate,
            "peak_mebibytes": seen.peak_mebibytes,
        }
        return Run(measured, read_vectors(folder / output))

    return run_binary


def read_vectors(path: Path) -> WordVectors:
    """Read word2vec's text format, without the word that stands for the end of a line."""
    vectors = WordVectors.load(path)
    kept = [place for place, word in enumerate(vectors.words) if word != SENTENCE_END]
    return WordVectors([vectors.words[place] for place in kept], np.asarray(vectors.vectors)[kept])


PROGRAMS: dict[str, Callable[[System, Path, dict[str, Any], int], Run]] = {
    "gensim": _python,
    "nw2v": _python,
    "nw2v deterministic": _python,
    "nw2v portable": _python,
    "nw2v train": _nw2v_train("none"),
    "nw2v train with MLflow": _nw2v_train("mlflow"),
    "word2vec.c": _binary(word2vec_options, 0.025, "vectors.txt"),
    "pWord2Vec": _binary(pword2vec_options, 0.025, "vectors.txt"),
    "fastText": _binary(fasttext_options, 0.05, "vectors.vec"),
}

_RUNS_ON = "import numba, numpy, nw2v.api, nw2v.evaluation"
BARE_IMPORTS = {
    "gensim": "import gensim.models",
    "nw2v": _RUNS_ON,
    "nw2v deterministic": _RUNS_ON,
    "nw2v train": f"{_RUNS_ON}, hydra, nw2v.cli.train",
    "nw2v train with MLflow": f"{_RUNS_ON}, hydra, nw2v.cli.train",
}
"""What a run of each program has imported before it does anything."""


def bare_mebibytes(program: str) -> float:
    """Measure the memory of a process that imports what a program needs, and ends."""
    if program not in BARE_IMPORTS:
        return 0.0
    script = f"{BARE_IMPORTS[program]}; from watched import peak_memory; print(peak_memory() or 0)"
    seen = watch([sys.executable, "-c", script], folder=HERE)
    if seen.status:
        raise RunFailedError(f"bare imports of {program} failed:\n{seen.text[-2000:]}")
    return float(seen.lines[-1][1])
