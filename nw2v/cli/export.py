"""`nw2v export`: a model's vectors in the formats of other tools."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from nw2v.cli.arguments import ArgumentParser
from nw2v.cli.models import MODEL_HELP, open_vectors
from nw2v.cli.scoring import VECTORS
from nw2v.errors import InputError


def run(arguments: Sequence[str]) -> int:
    """Write vectors in the format that the file's ending names."""
    parser = ArgumentParser(
        prog="nw2v export",
        description="Write a model's vectors in the format that the ending of OUT names.",
    )
    parser.add_argument("model", metavar="MODEL", help=MODEL_HELP)
    parser.add_argument(
        "out",
        metavar="OUT",
        type=Path,
        help=".txt, .vec or .bin (word2vec's text and binary formats), .safetensors, .parquet, or "
        "the ending of a format that another package adds",
    )
    parser.add_argument(
        "--vectors",
        choices=VECTORS,
        default="center",
        help="which vectors of a run (default center)",
    )
    options = parser.parse_args(arguments)
    from nw2v.vectors.storage import check_writable

    check_writable(options.out)
    if not options.out.parent.is_dir():
        raise InputError(f"cannot write {options.out}: no folder {options.out.parent}")
    vectors = open_vectors(options.model, options.vectors)
    vectors.save(options.out)
    print(f"{options.out}: {len(vectors):,} words, {vectors.dim} dimensions")
    return 0
