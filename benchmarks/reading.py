"""From a text file to token ids: nw2v beside gensim's scan of the vocabulary, and a plain read.

    python benchmarks/reading.py --corpus FILE --words 20000000

All read the same plain file, which lies in the system's cache of files. gensim only counts the
words (`build_vocab`); nw2v counts them, numbers them and writes the encoded text to its cache.
Opening what is cached is timed as well.
"""

from __future__ import annotations

import argparse
import lzma
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from reporting import command_line, in_words, machine, markdown, run_benchmark, table
from texts import open_corpus, write_text

from nw2v import Corpus, InputError

MEGABYTE = 1e6
CHUNK = 1 << 20


def write_long_text(source: str | None, words: int, path: Path) -> None:
    """Write a text again and again until it has so many words."""
    corpus = open_corpus(source, 1)
    once = path.with_name("once.txt")
    write_text(corpus, once, words)
    content = once.read_bytes()
    times = max(1, -(-words // max(1, corpus.token_count)))
    with path.open("wb") as file:
        for _ in range(times):
            file.write(content)


def read_plainly(path: Path) -> None:
    """Read a file and do nothing with it; a compressed one is decompressed."""
    opened: Any = lzma.open if path.suffix == ".xz" else open
    with opened(path, "rb") as file:
        while file.read(CHUNK):
            pass


def scan_with_gensim(path: Path) -> None:
    """Count words as gensim does before it trains on a file."""
    from gensim.models import Word2Vec

    Word2Vec(min_count=5, vector_size=1, workers=1).build_vocab(corpus_file=str(path))


def seconds(function: Callable[[], Any]) -> float:
    began = time.perf_counter()
    function()
    return time.perf_counter() - began


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """Let all of them read in turn."""
    if arguments.rounds < 1 or arguments.words < 1:
        raise InputError("--rounds and --words must be 1 or more")
    record: dict[str, Any] = {
        "command": command_line("reading.py", arguments, parser()),
        "machine": machine("gensim"),
    }
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        plain, packed = folder / "text.txt", folder / "text.txt.xz"
        write_long_text(arguments.corpus, arguments.words, plain)
        packed.write_bytes(lzma.compress(plain.read_bytes(), preset=1))
        text = Corpus.from_file(plain, min_count=5, cache_dir=folder / "warm-up")
        record["megabytes"] = plain.stat().st_size / MEGABYTE
        record["words"], record["types"] = text.token_count, len(text.words)
        caches = iter(folder / f"cache-{number}" for number in range(10_000))

        def encode(path: Path, cache: Path | None = None) -> float:
            chosen = cache or next(caches)
            return seconds(lambda: Corpus.from_file(path, min_count=5, cache_dir=chosen))

        found: dict[str, list[float]] = {}
        for _ in range(arguments.rounds):
            for label, run in {
                "gensim, counting words": lambda: seconds(lambda: scan_with_gensim(plain)),
                "nw2v, to token ids": lambda: encode(plain),
                "nw2v, opening what is cached": lambda: encode(plain, folder / "warm-up"),
                "nw2v, .xz to token ids": lambda: encode(packed),
                "decompressing .xz alone": lambda: seconds(lambda: read_plainly(packed)),
                "reading the plain file alone": lambda: seconds(lambda: read_plainly(plain)),
            }.items():
                found.setdefault(label, []).append(run())
    record["seconds"] = found
    return record


def report(record: dict[str, Any]) -> str:
    """Put the medians into a table."""
    base = record["seconds"]["gensim, counting words"]
    rows = []
    for label, times in record["seconds"].items():
        ratio = statistics.median(one / two for one, two in zip(base, times, strict=True))
        median = statistics.median(times)
        speed = record["megabytes"] / median
        opening = "cached" in label
        rows.append(
            [
                label,
                f"{1e3 * median:,.1f} ms" if median < 1 else f"{median:.2f} s",
                "" if opening else f"{speed:,.0f}",
                f"{ratio:,.1f}",
            ]
        )
    return markdown(
        "From text to token ids",
        record,
        f"Text: {record['megabytes']:.0f} MB of plain text, {record['words']:,} words, "
        f"{record['types']:,} different ones.  \nMachine: {in_words(record['machine'])}.",
        table(["", "time", "MB of plain text a second", "times as fast as gensim"], rows),
        f"Medians of {len(base)} rounds; ratios round by round. Files lie in the system's cache, "
        "and kernels are compiled. gensim counts words and keeps nothing of the text; nw2v also "
        "numbers them and writes the ids.",
    )


def parser() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    add = options.add_argument
    add("--corpus", metavar="FILE", help="text, one sentence a line (default: docstrings)")
    add("--words", type=int, default=20_000_000, help="the text is repeated until it has so many")
    add("--rounds", type=int, default=5)
    add("--out", metavar="PREFIX", help="writes PREFIX.md and PREFIX.json")
    return options


if __name__ == "__main__":
    run_benchmark("reading", parser(), measure, report)
