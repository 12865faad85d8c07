"""`nw2v neighbors` and `nw2v analogy`: questions to a model."""

from __future__ import annotations

from collections.abc import Sequence

from nw2v.cli.arguments import ArgumentParser, at_least_one
from nw2v.cli.models import MODEL_HELP, open_vectors
from nw2v.cli.scoring import VECTORS


def neighbors(arguments: Sequence[str]) -> int:
    """Print the words nearest to each of some words."""
    parser = ArgumentParser(
        prog="nw2v neighbors",
        description="The words whose vectors have the largest cosine with a word's vector.",
    )
    parser.add_argument("model", metavar="MODEL", help=MODEL_HELP)
    parser.add_argument("words", metavar="WORD", nargs="+", help="one or more words")
    parser.add_argument(
        "--top", type=at_least_one, default=10, metavar="N", help="how many (default 10)"
    )
    _add_vectors(parser)
    options = parser.parse_args(arguments)
    vectors = open_vectors(options.model, options.vectors)
    answers = [vectors.most_similar(word, top=options.top) for word in options.words]
    for position, (word, answer) in enumerate(zip(options.words, answers, strict=True)):
        if len(options.words) > 1:
            print(f"{'' if position == 0 else chr(10)}{word}")
        print_ranking(answer, indent="  " if len(options.words) > 1 else "")
    return 0


def analogy(arguments: Sequence[str]) -> int:
    """Print what is to C as B is to A."""
    parser = ArgumentParser(
        prog="nw2v analogy",
        description="A is to B as C is to ?, by 3CosAdd: the nearest words to B - A + C.",
        epilog="For example: nw2v analogy MODEL man king woman",
    )
    parser.add_argument("model", metavar="MODEL", help=MODEL_HELP)
    for name in "abc":
        parser.add_argument(name, metavar=name.upper())
    parser.add_argument(
        "--top", type=at_least_one, default=10, metavar="N", help="how many (default 10)"
    )
    parser.add_argument(
        "--method",
        choices=("3cosadd", "3cosmul"),
        default="3cosadd",
        help="sum or product of cosines (default 3cosadd)",
    )
    _add_vectors(parser)
    options = parser.parse_args(arguments)
    vectors = open_vectors(options.model, options.vectors)
    print_ranking(
        vectors.analogy(options.a, options.b, options.c, top=options.top, method=options.method)
    )
    return 0


def print_ranking(ranking: Sequence[tuple[str, float]], indent: str = "") -> None:
    """Print words with their scores, best first."""
    width = max((len(word) for word, _ in ranking), default=0)
    for word, score in ranking:
        print(f"{indent}{word:{width}}  {score:.4f}")


def _add_vectors(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--vectors",
        choices=VECTORS,
        default="center",
        help="which vectors of a run (default center)",
    )
