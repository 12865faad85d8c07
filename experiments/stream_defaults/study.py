"""Score negative sampling at several passes, rates, scales and pools, on several texts and seeds.

    python experiments/stream_defaults/study.py --corpus FILE... --similarity men simlex999

Runs that `results.json` holds already are not made again, so a study that was stopped goes on.
"""

from __future__ import annotations

import argparse
import itertools
import json
import statistics
import sys
from collections.abc import Iterator
from contextlib import contextmanager
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
from nw2v.jit.batches import ROWS_AT_ONCE
from nw2v.kernels import batch_sizes
from nw2v.kernels.noise import TABLE_REPEATS

HERE = Path(__file__).parent


def parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--corpus", nargs="+", default=["docstrings"], help="a name or files")
    parser.add_argument("--analogies", default="google", help="a name or a file")
    parser.add_argument("--similarity", nargs="*", default=["wordsim353", "simlex999"])
    parser.add_argument("--epochs", nargs="+", type=int, default=[5], help="passes")
    parser.add_argument("--learning-rate", nargs="+", type=float, default=[0.025, 0.05, 0.1, 0.15])
    parser.add_argument("--initial-scale", nargs="+", type=float, default=[1.0, 8.0])
    parser.add_argument(
        "--pool",
        nargs="+",
        type=int,
        choices=[0, *range(ROWS_AT_ONCE, TABLE_REPEATS + 1, ROWS_AT_ONCE)],
        default=[0],
        metavar="K'",
        help=f"shared negatives of a step, K', a multiple of {ROWS_AT_ONCE} up to {TABLE_REPEATS} "
        "(0: as nw2v chooses them)",
    )
    parser.add_argument(
        "--means",
        nargs="+",
        choices=["default", "none"],
        default=["default"],
        help="whether negatives are measured against what is expected of them",
    )
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=HERE)
    return parser.parse_args(arguments)


def scores(model: nw2v.Model, analogies: Any, similarity: list[Any]) -> dict[str, float]:
    """Hundredths: the accuracy of analogies, Spearman's correlation of similarities, the mean."""
    found = {analogies.name: 100 * evaluate_analogies(model.vectors, analogies).accuracy}
    for judged in similarity:
        found[judged.name] = 100 * evaluate_similarity(model.vectors, judged).spearman
    return {**found, "mean": statistics.fmean(found.values())}


@contextmanager
def negatives_of(pool: int, means: str) -> Iterator[None]:
    """Let steps share so many negatives, where `pool` is not 0, with or without their means."""
    chosen = batch_sizes.pool_size, batch_sizes.memory_length
    largest = batch_sizes.LARGEST_POOL
    if pool:
        batch_sizes.pool_size = lambda *_: pool
        # What steps are computed with has room for so many.
        batch_sizes.LARGEST_POOL = max(pool, largest)
    if means == "none":
        batch_sizes.memory_length = lambda *_: 0.0
    try:
        yield
    finally:
        batch_sizes.pool_size, batch_sizes.memory_length = chosen
        batch_sizes.LARGEST_POOL = largest


def table(results: dict[str, dict[str, float]]) -> str:
    """One row a text and setting, the mean over seeds and, behind ±, their standard deviation."""
    groups: dict[tuple[str, ...], list[dict[str, float]]] = {}
    for name, found in results.items():
        groups.setdefault(tuple(name.split(" | ")[:-1]), []).append(found)
    names = list(next(iter(results.values())))
    lines = [
        "| text | passes | learning rate | initial scale | K' | means | seeds | "
        + " | ".join(names)
        + " |",
        "|---|" + "---:|" * (6 + len(names)),
    ]
    for group, runs in groups.items():
        cells = [*group, str(len(runs))]
        for name in names:
            values = [run[name] for run in runs]
            spread = f" ± {statistics.stdev(values):.1f}" if len(values) > 1 else ""
            cells.append(f"{statistics.fmean(values):.1f}{spread}")
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def main(arguments: list[str]) -> None:
    options = parse(arguments)
    analogies = load_analogies(options.analogies)
    similarity = [load_similarity(name) for name in options.similarity]
    stored = options.out / "results.json"
    results = json.loads(stored.read_text(encoding="utf-8")) if stored.exists() else {}
    for source in options.corpus:
        corpus = (
            nw2v.Corpus.from_file(source)
            if Path(source).exists()
            else nw2v.Corpus.from_name(source)
        )
        grid = itertools.product(
            options.epochs,
            options.learning_rate,
            options.initial_scale,
            options.pool,
            options.means,
            range(1, options.seeds + 1),
        )
        for epochs, rate, scale, pool, means, seed in grid:
            name = (
                f"{corpus.name} | {epochs} | {rate:g} | {scale:g} | {pool or 'default'} | {means} "
                f"| {seed}"
            )
            if name in results:
                continue
            with negatives_of(pool, means):
                model = nw2v.train(
                    corpus,
                    epochs=epochs,
                    learning_rate=rate,
                    initial_scale=scale,
                    seed=seed,
                    heldout_fraction=0.0,
                )
            results[name] = scores(model, analogies, similarity)
            print(name, {k: round(v, 1) for k, v in results[name].items()}, flush=True)
            with write_atomically(stored, "w") as file:
                json.dump(results, file, indent=1)
    with write_atomically(options.out / "table.md", "w") as file:
        file.write(table(results))
    print(table(results))


if __name__ == "__main__":
    main(sys.argv[1:])
