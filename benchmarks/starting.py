"""When `nw2v train` reaches what: from the command to the first step, and from the last to the end.

    python benchmarks/starting.py [--repeats 5]

Each run is the command in a process of its own, on a text by Zipf's law in a temporary folder, with
a copy of the package whose compiled code nobody else uses. Nothing is kept but the report.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reporting import RESULTS, command_line, in_words, machine, markdown, table, write_results
from texts import write_zipf_text, zipf_counts
from watched import environment_with

import nw2v

HERE = Path(__file__).resolve().parent
# Only where the process ends is seen from outside; all else it notes itself.
COLUMNS = {
    "numba imported": "import numba",
    "text open": "corpus open",
    "kernels ready": "kernels ready",
    "first step": "step",
    "MLflow imported": "import mlflow",
    "trained": "trained",
    "run complete": "job done",
    "process ended": "end",
    "CPU seconds": "cpu",
}


@dataclass(frozen=True)
class Case:
    """A way to start the command."""

    name: str
    options: tuple[str, ...]
    is_fresh: bool = False  # no compiled code, no .pyc of nw2v, no encoded text, no store


CASES = (
    Case("warm, tracking=none", ("tracking=none",)),
    Case("warm, tracking=mlflow", ("tracking=mlflow",)),
    Case("fresh installation, tracking=none", ("tracking=none",), is_fresh=True),
    Case("fresh installation, tracking=mlflow", ("tracking=mlflow",), is_fresh=True),
)
SWEEP = Case("sweep", ("tracking=none", "-m", "seed=1,2,3,4,5"))


def prepare(folder: Path, words: int, vocabulary: int) -> None:
    """Copy the package without anything compiled, and write the text."""
    package = Path(nw2v.__file__).parent
    unwanted = shutil.ignore_patterns("__pycache__")
    shutil.copytree(package, folder / "package" / "nw2v", ignore=unwanted)
    if not (package / "conf").is_dir():  # in a checkout it stands beside the package
        shutil.copytree(package.parent / "conf", folder / "package" / "conf")
    write_zipf_text(folder / "text.txt", zipf_counts(vocabulary, words, least=5))


def make_fresh(folder: Path) -> None:
    """Remove all that a run leaves for the next."""
    for path in [*(folder / "package").rglob("__pycache__"), folder / "texts", folder / "work"]:
        shutil.rmtree(path, ignore_errors=True)


def run(folder: Path, case: Case, settings: Sequence[str]) -> list[tuple[str, float]]:
    """Run the command once: what it reached, and when, in seconds from its start.

    The last entry is the CPU time of all its threads and processes.
    """
    if case.is_fresh:
        make_fresh(folder)
    work = folder / "work"
    work.mkdir(exist_ok=True)
    environment = environment_with(
        {name: None for name in os.environ if name.startswith("MLFLOW_")}
        | {
            "NUMBA_CACHE_DIR": None,
            "PYTHONPATH": str(folder / "package"),
            "NW2V_CACHE": str(folder / "texts"),
        }
    )
    marks = folder / "marks.json"
    text = ["corpus=file", f"corpus.path={folder / 'text.txt'}"]
    spent = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.time()
    done = subprocess.run(
        [
            *(sys.executable, str(HERE / "starting_run.py"), str(marks)),
            *("train", *text, *settings, *case.options),
        ],
        cwd=work,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    ended = time.time()
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = usage.ru_utime + usage.ru_stime - spent.ru_utime - spent.ru_stime
    if done.returncode:
        raise RuntimeError(f"{case.name} failed:\n{done.stderr}")
    noted = [(name, at - began) for name, at in json.loads(marks.read_text(encoding="utf-8"))]
    return [*noted, ("end", ended - began), ("cpu", cpu)]


def first(noted: Sequence[tuple[str, float]], name: str) -> float | None:
    return next((at for what, at in noted if what == name), None)


def seconds_between_jobs(noted: Sequence[tuple[str, float]]) -> list[float]:
    """From the end of each job of a sweep to the first step of the next."""
    waits, ended = [], None
    for what, at in noted:
        if what == "job done":
            ended = at
        elif what == "step" and ended is not None:
            waits.append(at - ended)
            ended = None
    return waits


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """Run all cases in turns."""
    record: dict[str, Any] = {
        "command": command_line("starting.py", arguments, parser()),
        "machine": machine("hydra-core", "mlflow"),
        "runs": {case.name: [] for case in (*CASES, SWEEP)},
    }
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        prepare(folder, arguments.words, arguments.vocabulary)
        for _ in range(arguments.repeats):
            # Those from nothing first: they leave what the others find, the last of them a store.
            for case in (*sorted(CASES, key=lambda case: not case.is_fresh), SWEEP):
                noted = run(folder, case, arguments.settings)
                record["runs"][case.name].append(noted)
                print(f"{case.name}: first step after {first(noted, 'step'):.2f} s", flush=True)
    return record


def report(record: dict[str, Any], arguments: argparse.Namespace) -> str:
    """Put the medians into Markdown."""
    rows = []
    for case in CASES:
        runs = record["runs"][case.name]
        cells = []
        for mark in COLUMNS.values():
            times = [at for noted in runs if (at := first(noted, mark)) is not None]
            cells.append(f"{statistics.median(times):.2f}" if times else "")
        rows.append([case.name, *cells])
    waits = [wait for noted in record["runs"][SWEEP.name] for wait in seconds_between_jobs(noted)]
    return markdown(
        "Starting",
        record,
        f"`nw2v train {' '.join(arguments.settings)}` on a text by Zipf's law of "
        f"{arguments.words:,} words, {arguments.vocabulary:,} of them different.  \n"
        f"Machine: {in_words(record['machine'])}.",
        f"Seconds from the start of the process, medians of {arguments.repeats}:",
        table(["", *COLUMNS], rows),
        "Warm: the code is compiled, the text encoded and the store made. A fresh installation has "
        "no compiled code, no `.pyc` files of nw2v, no encoded text and no store, nor an empty one "
        "to copy. Trained: the passes with their evaluations. MLflow is imported only where it has "
        "to make the store, while training goes on: a later time holds nothing up. CPU seconds: of "
        "the whole command.",
        f"A sweep of five jobs: from the end of one job to the first step of the next "
        f"{statistics.median(waits):.2f} s (median of {len(waits)}).",
    )


def parser() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    add = options.add_argument
    add("--repeats", type=int, default=5, help="runs of each case (default: %(default)s)")
    add("--words", type=int, default=1_000_000, help="length of the text (default: %(default)s)")
    add("--vocabulary", type=int, default=20_000, help="different words (default: %(default)s)")
    add("--settings", nargs="*", default=["trainer.epochs=1"], help="more KEY=VALUE for the runs")
    add("--out", default=str(RESULTS / "starting"), help="where to write PREFIX.md and PREFIX.json")
    return options


def main() -> None:
    arguments = parser().parse_args()
    record = measure(arguments)
    text = report(record, arguments)
    write_results(arguments.out, record, text)
    print(f"\n{text}")


if __name__ == "__main__":
    main()
