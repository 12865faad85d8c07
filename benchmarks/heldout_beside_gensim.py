"""Held-out text: how well gensim's vectors and nw2v's predict it, by one piece of code.

python benchmarks/heldout_beside_gensim.py
python benchmarks/heldout_beside_gensim.py --corpus text.txt --learning-rate 0.025 --negatives 1 5
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from reporting import command_line, in_words, machine, markdown, run_benchmark, table
from texts import open_corpus, write_sentences
from training_run import new_gensim, train_gensim

import nw2v
from nw2v import Corpus, InputError
from nw2v.cores import available_cores
from nw2v.evaluation.heldout import draw_heldout_pairs, heldout_metrics
from nw2v.losses import make_loss
from nw2v.training.settings import TrainingSettings

DEFAULTS = TrainingSettings()
METRICS = {
    "valid/loss": "loss of negative sampling",
    "valid/cross_entropy": "cross-entropy",
    "valid/cross_entropy_self_normalised": "with Z taken as 1",
    "valid/log_partition_mean": "mean of log Z",
}
"""What is reported of each system, and what a table calls it."""
Vectors = tuple[np.ndarray, np.ndarray]


def of_gensim(text: Path, words: list[str], setting: dict[str, Any], seed: int) -> Vectors:
    """Train gensim; return center and outside vectors in the order of words."""
    rate = setting["learning_rate"]
    model = new_gensim(str(text), setting, {"alpha": rate, "min_alpha": rate / 250}, seed)
    train_gensim(model, str(text), setting["epochs"])
    rows = [model.wv.key_to_index[word] for word in words]
    return model.wv.vectors[rows], model.syn1neg[rows]


def of_nw2v(corpus: Corpus, setting: dict[str, Any], seed: int) -> Vectors:
    """Train nw2v on the same part of the text; return center and outside vectors."""
    given = {name: value for name, value in setting.items() if name != "min_count"}
    model = nw2v.train(corpus, seed=seed, **given)
    return model.center_vectors, model.outside_vectors


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """Train all systems with all seeds, and ask each about the same pairs."""
    if min(arguments.seeds, arguments.epochs, *arguments.negatives) < 1:
        raise InputError("--seeds, --epochs and --negatives must be 1 or more")
    corpus = open_corpus(arguments.corpus, arguments.min_count)
    split = corpus.split(DEFAULTS.heldout_fraction, DEFAULTS.split_seed)
    counts = split.vocabulary.counts
    pairs = draw_heldout_pairs(
        split.heldout,
        counts,
        window=DEFAULTS.evaluation_window,
        subsample=DEFAULTS.evaluation_subsample,
        centers=DEFAULTS.heldout_centers,
        seed=DEFAULTS.split_seed,
    )
    words = list(split.vocabulary.words)
    record: dict[str, Any] = {
        "command": command_line("heldout_beside_gensim.py", arguments, parser()),
        "machine": machine("gensim"),
        "text": {
            "name": corpus.name,
            "training_tokens": len(split.training.tokens),
            "vocabulary": len(words),
            "heldout_pairs": len(pairs),
        },
        "epochs": arguments.epochs,
        "systems": [],
    }
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "training.txt"
        write_sentences(
            path,
            np.array(words, dtype=object),
            split.training.tokens,
            split.training.offsets,
        )
        for negatives, program, rate in itertools.product(
            arguments.negatives, ("gensim", "nw2v"), arguments.learning_rate
        ):
            label = f"{program} at {rate}"
            setting = {
                "epochs": arguments.epochs,
                "dim": DEFAULTS.dim,
                "window": DEFAULTS.window,
                "subsample": DEFAULTS.subsample,
                "negatives": negatives,
                "learning_rate": rate,
                "threads": available_cores(),
                "min_count": 1,  # rare words are out of the text already
            }
            loss = make_loss(
                "negative_sampling", negatives=negatives, noise_exponent=DEFAULTS.noise_exponent
            )
            found = []
            for seed in range(1, arguments.seeds + 1):
                if program == "gensim":
                    vectors = of_gensim(path, words, setting, seed)
                else:
                    vectors = of_nw2v(corpus, setting, seed)
                metrics = heldout_metrics(pairs, *vectors, loss, counts)
                found.append({name: metrics[name] for name in METRICS})
                entropy = metrics["valid/cross_entropy"]
                print(f"{label}, K = {negatives}, seed {seed}: {entropy:.4f}", flush=True)
            record["systems"].append({"label": label, "negatives": negatives, "seeds": found})
    record["unigram"] = metrics["valid/cross_entropy_unigram"]
    record["standard_error"] = metrics["valid/cross_entropy_standard_error"]
    return record


def report(record: dict[str, Any]) -> str:
    """Put the means over seeds into Markdown, and how far the cross-entropy of seeds is apart."""
    rows = []
    for system in record["systems"]:
        columns = {name: [one[name] for one in system["seeds"]] for name in METRICS}
        entropy = columns["valid/cross_entropy"]
        rows.append(
            [
                system["label"],
                str(system["negatives"]),
                *(f"{statistics.mean(values):.4f}" for values in columns.values()),
                f"{max(entropy) - min(entropy):.4f}",
            ]
        )
    text = record["text"]
    return markdown(
        f"Held-out text, nw2v beside gensim: {text['name']}",
        record,
        f"Machine: {in_words(record['machine'])}.  \n{text['training_tokens']:,} tokens of "
        f"{text['vocabulary']:,} words to train on, {text['heldout_pairs']:,} pairs held out. "
        f"{DEFAULTS.dim} dimensions, window {DEFAULTS.window}, t = {DEFAULTS.subsample:g}, "
        f"{record['epochs']} passes.",
        table(["system", "K", *METRICS.values(), "cross-entropy: seeds apart"], rows),
        f"Nats a pair, means of {len(record['systems'][0]['seeds'])} seeds. Word frequencies alone "
        f"have a cross-entropy of {record['unigram']:.4f}. The standard error over held-out "
        f"sentences is {record['standard_error']:.4f}; systems are asked about the same pairs, so "
        "that their differences are surer than that.",
    )


def parser() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    add = options.add_argument
    add("--corpus", metavar="FILE", help="a text that nw2v reads (default: docstrings)")
    add("--min-count", type=int, default=5)
    add("--negatives", type=int, nargs="+", default=[5], metavar="K")
    add("--learning-rate", type=float, nargs="+", default=[0.025, 0.05, 0.075])
    add("--epochs", type=int, default=5)
    add("--seeds", type=int, default=3)
    add("--out", metavar="PREFIX", help="writes PREFIX.md and PREFIX.json")
    return options


if __name__ == "__main__":
    run_benchmark("heldout_beside_gensim", parser(), measure, report, by_text=True)
