"""How every benchmark says where it was measured, and writes what it found."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import platform
import shlex
import subprocess
from collections.abc import Callable, Iterable, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nw2v.cores import available_cores
from nw2v.errors import InputError
from nw2v.files import write_atomically

if TYPE_CHECKING:
    from matplotlib.figure import Figure

HERE = Path(__file__).resolve().parent
RESULTS = HERE / "results"


def machine(*packages: str) -> dict[str, Any]:
    """Describe the machine, and the versions of what is measured: nw2v, numba, numpy and more."""
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
    for name in ("nw2v", "numba", "numpy", *packages):
        with contextlib.suppress(PackageNotFoundError):
            facts[name] = version(name)
    with contextlib.suppress(OSError, subprocess.CalledProcessError):
        head = ["git", "-C", str(HERE), "describe", "--always", "--dirty", "--abbrev=12"]
        facts["commit"] = subprocess.check_output(
            head, text=True, stderr=subprocess.DEVNULL
        ).strip()
    if hasattr(os, "getloadavg"):
        facts["load_before"] = round(os.getloadavg()[0], 1)
    return facts


def in_words(facts: dict[str, Any]) -> str:
    """Put facts into one line: `cores 2, python 3.11.7`."""
    return ", ".join(f"{name} {value}" for name, value in facts.items())


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Make a Markdown table: the first column to the left, the others to the right."""
    rules = ["---", *["---:"] * (len(header) - 1)]
    return "\n".join(f"| {' | '.join(row)} |" for row in (header, rules, *rows))


def markdown(heading: str, record: dict[str, Any], *parts: str) -> str:
    """Make a report: a heading, the command that was run, and the parts."""
    return "\n\n".join([f"# {heading}", f"```\n{record['command']}\n```", *parts]) + "\n"


def command_line(
    script: str, arguments: argparse.Namespace, parser: argparse.ArgumentParser
) -> str:
    """Give the command as it can be typed, without the folders of this machine."""
    words = ["python", f"benchmarks/{script}"]
    for name, value in vars(arguments).items():
        if name == "out" or value == parser.get_default(name):
            continue
        words += ["--" + name.replace("_", "-")]
        values = value if isinstance(value, list) else [value]
        if value is not True:
            words += [Path(one).name if isinstance(one, str) else f"{one}" for one in values]
    return shlex.join(words)


def write_results(
    prefix: str | Path, record: dict[str, Any], text: str, figure: Figure | None = None
) -> list[Path]:
    """Write PREFIX.json, PREFIX.md and, where there is a figure, PREFIX.png, which it shows."""
    prefix = Path(prefix)
    prefix.parent.mkdir(parents=True, exist_ok=True)
    written = []
    if figure is not None:
        picture = prefix.with_name(prefix.name + ".png")
        with write_atomically(picture, "wb") as file:
            figure.savefig(file, format="png")
        written.append(picture)
        heading, rest = text.split("\n", 1)
        text = f"{heading}\n\n![{heading.lstrip('# ')}]({picture.name})\n{rest}"
    for ending, content in ((".md", text), (".json", json.dumps(record, indent=1) + "\n")):
        path = prefix.with_name(prefix.name + ending)
        with write_atomically(path, "w") as file:
            file.write(content)
        written.append(path)
    return written


def run_benchmark(
    name: str,
    parser: argparse.ArgumentParser,
    measure: Callable[[argparse.Namespace], dict[str, Any]],
    report: Callable[[dict[str, Any]], str],
    figure: Callable[[dict[str, Any]], Figure] | None = None,
    *,
    by_text: bool = False,
) -> dict[str, Any]:
    """Measure what the command line asks for, write the results and print the report.

    Without --out the results are named after the benchmark and, `by_text`, after its text as well.
    An InputError ends the process with one line and status 2.
    """
    arguments = parser.parse_args()
    try:
        record = measure(arguments)
    except InputError as error:
        parser.exit(2, f"{name}: error: {error}\n")
    text = report(record)
    prefix = arguments.out or RESULTS / (f"{name}_{record['text']['name']}" if by_text else name)
    written = write_results(prefix, record, text, figure(record) if figure else None)
    print(f"{text}\nWritten to {', '.join(map(str, written))}")
    return record
