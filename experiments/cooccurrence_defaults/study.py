"""Score exact training with several optimizers, learning rates and weight decays, on several texts.

    python experiments/cooccurrence_defaults/study.py --corpus FILE... --negatives 1 5 15

Runs that `results.json` holds already are not made again, so a study that was stopped goes on.
"""

from __future__ import annotations

import argparse
import itertools
import json
import statistics
import sys
from pathlib import Path
from typing import Any

import nw2v
from nw2v.evaluation import (
    evaluate_analogies,
    evaluate_similarity,
    load_analogies,
    load_similarity,
)
from nw2v.files import write_atomically

HERE = Path(__file__).parent
SETTINGS = (
    "text", "words", "part", "loss", "steps", "learning rate", "weight decay", "passes", "seed",
)  # fmt: skip


def parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--corpus", nargs="+", default=["docstrings"], help="a name or files")
    parser.add_argument("--max-vocabulary", nargs="+", type=int, default=[10_000])
    parser.add_argument("--loss", nargs="+", default=["naive_softmax", "negative_sampling"])
    parser.add_argument("--negatives", nargs="+", type=int, default=[5], help="K")
    parser.add_argument(
        "--heldout-fraction", type=float, default=0.02, help="0.5 trains on half of a text"
    )
    parser.add_argument("--optimizer", default="adam")
    parser.add_argument(
        "--center-exponent", nargs="+", type=float, help="draw centers by n_c to this power"
    )
    parser.add_argument("--learning-rate", nargs="+", type=float, default=[0.05, 0.1, 0.2])
    parser.add_argument("--weight-decay", nargs="+", type=float, default=[0.5, 1.5, 4.0])
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--analogies", default="google", help="a name or a file")
    parser.add_argument("--similarity", nargs="*", default=["wordsim353", "simlex999"])
    parser.add_argument("--seeds", type=int, default=1)
    parser.add_argument("--out", type=Path, default=HERE)
    return parser.parse_args(arguments)


def table(results: dict[str, dict[str, float]]) -> str:
    """One row a run."""
    names = list(dict.fromkeys(name for found in results.values() for name in found))
    lines = [
        "| " + " | ".join([*SETTINGS, *names]) + " |",
        "|" + "---|" * len(SETTINGS) + "---:|" * len(names),
    ]
    for run, found in results.items():
        cells = [
            f"{found[name]:.{4 if 'entropy' in name else 1}f}" if name in found else ""
            for name in names
        ]
        lines.append("| " + " | ".join([*run.split(" | "), *cells]) + " |")
    return "\n".join(lines) + "\n"


def objectives(options: argparse.Namespace) -> list[tuple[str, dict[str, Any]]]:
    """Each loss that is studied: its name in the table, and the settings that make it."""
    found: list[tuple[str, dict[str, Any]]] = []
    for loss in options.loss:
        if loss == "negative_sampling":
            found += [
                (f"{loss}, K = {k}", {"loss": loss, "negatives": k}) for k in options.negatives
            ]
        else:
            found.append((loss, {"loss": loss}))
    return found


def ways(options: argparse.Namespace) -> list[tuple[str, str, dict[str, Any]]]:
    """Each way to make steps: its name and learning rate in the table, and its settings."""
    given: dict[str, Any] = {"optimizer": options.optimizer}
    if options.optimizer == "lbfgs":
        return [("lbfgs", "", given)]
    found = []
    for exponent in options.center_exponent or [None]:
        name, drawn = options.optimizer, {}
        if exponent is not None:
            name += f", drawn by n_c^{exponent:g}"
            drawn = {"center_order": "weight", "center_exponent": exponent}
        found += [
            (name, f"{rate:g}", {**given, **drawn, "learning_rate": rate})
            for rate in options.learning_rate
        ]
    return found


def main(arguments: list[str]) -> None:
    options = parse(arguments)
    analogies = load_analogies(options.analogies)
    similarity = [load_similarity(name) for name in options.similarity]
    stored = options.out / "results.json"
    results = json.loads(stored.read_text(encoding="utf-8")) if stored.exists() else {}
    grid = itertools.product(
        options.corpus, options.max_vocabulary, range(1, options.seeds + 1), objectives(options),
        ways(options), options.weight_decay,
    )  # fmt: skip
    for source, words, seed, (loss, objective), (steps, rate, way), decay in grid:
        read = nw2v.Corpus.from_file if Path(source).exists() else nw2v.Corpus.from_name
        corpus = read(source, max_vocabulary=words)
        part = f"{1 - options.heldout_fraction:g}"
        name = (
            f"{corpus.name} | {words:,} | {part} | {loss} | {steps} | {rate} | {decay:g} | "
            f"{options.epochs} | {seed}"
        )
        if name in results:
            continue
        model = nw2v.train(
            corpus, trainer="cooccurrence", weight_decay=decay, epochs=options.epochs,
            heldout_fraction=options.heldout_fraction, seed=seed, **objective, **way,
        )  # fmt: skip
        entropy = model.history["valid/cross_entropy"].dropna().to_list()
        vectors = model.word_vectors("sum")
        scores = {analogies.name: 100 * evaluate_analogies(vectors, analogies).accuracy}
        for judged in similarity:
            scores[judged.name] = 100 * evaluate_similarity(vectors, judged).spearman
        results[name] = {
            "cross-entropy, half of the passes": entropy[options.epochs // 2],
            "cross-entropy, lowest": min(entropy),
            "pass of the lowest": float(entropy.index(min(entropy))),
            "cross-entropy, last": entropy[-1],
            **scores,
            "mean": statistics.fmean(scores.values()),
        }
        print(name, {k: round(v, 4) for k, v in results[name].items()}, flush=True)
        options.out.mkdir(parents=True, exist_ok=True)
        with write_atomically(stored, "w") as file:
            json.dump(results, file, indent=1)
    with write_atomically(options.out / "table.md", "w") as file:
        file.write(table(results))
    print(table(results))


if __name__ == "__main__":
    main(sys.argv[1:])
