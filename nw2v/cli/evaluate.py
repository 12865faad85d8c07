"""`nw2v evaluate`: scores of any model."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence

from nw2v.cli.arguments import ArgumentParser
from nw2v.cli.models import MODEL_HELP, open_vectors
from nw2v.cli.scoring import VECTORS, Scores, load_sets, score


def run(arguments: Sequence[str]) -> int:
    """Score a model and print a table, or JSON."""
    parser = ArgumentParser(
        prog="nw2v evaluate",
        description="Score a model on analogies (3CosAdd) and word similarity (Spearman).",
        epilog="Without --analogies and --similarity: nw2v's own analogies.",
    )
    parser.add_argument("model", metavar="MODEL", help=MODEL_HELP)
    parser.add_argument(
        "--analogies",
        action="append",
        default=[],
        metavar="FILE",
        help="nw2v, google, or a file or folder of questions; may be given several times",
    )
    parser.add_argument(
        "--similarity",
        action="append",
        default=[],
        metavar="FILE",
        help="a name or a file of word pairs with scores; may be given several times",
    )
    parser.add_argument(
        "--vectors",
        choices=VECTORS,
        default="center",
        help="which vectors of a run (default center)",
    )
    parser.add_argument("--json", action="store_true", help="print the metrics as JSON")
    options = parser.parse_args(arguments)
    if not options.analogies and not options.similarity:
        options.analogies = ["nw2v"]
    sets = load_sets(options.analogies, options.similarity)
    vectors = open_vectors(options.model, options.vectors)
    scores = score(vectors, sets)
    if options.json:
        print(
            json.dumps(
                {
                    "model": options.model,
                    "vectors": options.vectors,
                    "words": len(vectors),
                    "dim": vectors.dim,
                    "metrics": scores.metrics(),
                },
                indent=2,
                allow_nan=False,
            )
        )
    else:
        print(f"{options.model}: {len(vectors):,} words, {vectors.dim} dimensions")
        print()
        print(table(scores))
    return 0


def table(scores: Scores) -> str:
    """Return scores as text: a line a set, and one for each section of analogies."""
    lines = []
    if scores.analogies:
        lines.append(("analogies", "questions", "answerable", "correct", "accuracy"))
    for name, result in scores.analogies.items():
        lines.append(
            _analogy_line(
                name,
                int(result.questions.sum()),
                int(result.answerable.sum()),
                int(result.correct.sum()),
            )
        )
        lines += [
            _analogy_line(f"  {section}", *map(int, numbers))
            for section, *numbers in zip(
                result.sections, result.questions, result.answerable, result.correct, strict=True
            )
        ]
    if scores.similarity:
        lines.append(("similarity", "pairs", "known", "", "spearman"))
    for name, similarity in scores.similarity.items():
        lines.append(
            (
                name,
                f"{len(similarity.pairs):,}",
                f"{similarity.known:,}",
                "",
                "-" if math.isnan(similarity.spearman) else f"{similarity.spearman:.4f}",
            )
        )
    width = max(len(line[0]) for line in lines)
    return "\n".join(
        f"{first:{width}}" + "".join(f"{cell:>12}" for cell in rest) for first, *rest in lines
    )


def _analogy_line(
    name: str, questions: int, answerable: int, correct: int
) -> tuple[str, str, str, str, str]:
    accuracy = f"{correct / answerable:.1%}" if answerable else "-"
    return name, f"{questions:,}", f"{answerable:,}", f"{correct:,}", accuracy
