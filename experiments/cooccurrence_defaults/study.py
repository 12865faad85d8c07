"""Score exact training at several learning rates and weight decays, on several texts.

    python experiments/cooccurrence_defaults/study.py --corpus FILE... --max-vocabulary 10000

Runs that `results.json` holds already are not made again, so a study that was stopped goes on.
"""

from __future__ import annotations

import argparse
import itertools
import json
import statistics
import sys
from pathlib import Path

import nw2v
from nw2v.evaluation import (
    evaluate_analogies,
    evaluate_similarity,
    load_analogies,
    load_similarity,
)
from nw2v.files import write_atomically

HERE = Path(__file__).parent
SETTINGS = ("text", "loss", "learning rate", "weight decay", "seed")


def parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--corpus", nargs="+", default=["docstrings"], help="a name or files")
    parser.add_argument("--max-vocabulary", type=int, default=10_000)
    parser.add_argument("--loss", nargs="+", default=["naive_softmax", "negative_sampling"])
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
    names = list(next(iter(results.values())))
    lines = [
        "| " + " | ".join([*SETTINGS, *names]) + " |",
        "|---|---|" + "---:|" * (3 + len(names)),
    ]
    for name, found in results.items():
        cells = [f"{value:.{4 if 'entropy' in key else 1}f}" for key, value in found.items()]
        lines.append("| " + " | ".join([*name.split(" | "), *cells]) + " |")
    return "\n".join(lines) + "\n"


def main(arguments: list[str]) -> None:
    options = parse(arguments)
    analogies = load_analogies(options.analogies)
    similarity = [load_similarity(name) for name in options.similarity]
    stored = options.out / "results.json"
    results = json.loads(stored.read_text(encoding="utf-8")) if stored.exists() else {}
    grid = itertools.product(
        options.loss, options.learning_rate, options.weight_decay, range(1, options.seeds + 1)
    )
    for source, (loss, rate, decay, seed) in itertools.product(options.corpus, [*grid]):
        read = nw2v.Corpus.from_file if Path(source).exists() else nw2v.Corpus.from_name
        corpus = read(source, max_vocabulary=options.max_vocabulary)
        name = f"{corpus.name} | {loss} | {rate:g} | {decay:g} | {seed}"
        if name in results:
            continue
        model = nw2v.train(
            corpus, trainer="cooccurrence", loss=loss, learning_rate=rate, weight_decay=decay,
            epochs=options.epochs, seed=seed,
        )  # fmt: skip
        entropy = model.history["valid/cross_entropy"].dropna().to_list()
        vectors = model.word_vectors("sum")
        scores = {analogies.name: 100 * evaluate_analogies(vectors, analogies).accuracy}
        for judged in similarity:
            scores[judged.name] = 100 * evaluate_similarity(vectors, judged).spearman
        results[name] = {
            "cross-entropy, half of the passes": entropy[options.epochs // 2],
            "cross-entropy, lowest": min(entropy),
            "cross-entropy, last": entropy[-1],
            **scores,
            "mean": statistics.fmean(scores.values()),
        }
        print(name, {k: round(v, 4) for k, v in results[name].items()}, flush=True)
        with write_atomically(stored, "w") as file:
            json.dump(results, file, indent=1)
    with write_atomically(options.out / "table.md", "w") as file:
        file.write(table(results))
    print(table(results))


if __name__ == "__main__":
    main(sys.argv[1:])
