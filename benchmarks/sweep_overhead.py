"""What a sweep of many short jobs costs beyond the jobs themselves, side by side with joblib.

    python benchmarks/sweep_overhead.py

Runs a sweep of 36 jobs through the command line, twice: the first compiles and fills the caches.
From the beginning of the first job to the end of the command, the second is compared with the
seconds that the jobs took for their text, training and evaluation, divided by the jobs at once.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from reporting import command_line, in_words, machine, markdown, run_benchmark, table
from watched import environment_with

from nw2v import InputError
from nw2v.cores import available_cores
from nw2v.sweeps.files import JobRecord, job_folders

GRID = ["model.window=2,5,10", "loss.negatives=5,15", "model.dim=50,100", "seed=range(0,3)"]
PARTS = ("corpus", "training", "evaluation")


def sweep(folder: Path, overrides: Sequence[str]) -> float:
    """Run a sweep into a folder; return when the command ended."""
    command = [sys.executable, "-m", "nw2v", "train", "-m", *overrides]
    command += [f"hydra.sweep.dir={folder / 'sweep'}", f"tracking.uri={folder / 'mlflow.db'}"]
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False, env=environment_with()
    )
    if done.returncode:
        raise InputError(f"the sweep failed: {done.stderr.strip().splitlines()[-1]}")
    return time.time()


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    overrides = [*GRID, "hydra/launcher=joblib", f"trainer.epochs={arguments.epochs}"]
    if arguments.rounds < 1:
        raise InputError("--rounds must be 1 or more")
    if arguments.corpus:
        overrides += ["corpus=file", f"corpus.path={Path(arguments.corpus).absolute()}"]
    record: dict[str, Any] = {
        "command": command_line("sweep_overhead.py", arguments, parser()),
        "machine": machine("mlflow", "hydra-core", "joblib"),
        "at_once": available_cores(),
        "sweeps": [],
    }
    for number in range(arguments.rounds + 1):
        with tempfile.TemporaryDirectory() as name:
            began = time.time()
            ended = sweep(Path(name), overrides)
            jobs = [JobRecord.read(folder) for folder in job_folders(Path(name) / "sweep")]
        if number == 0:
            continue  # compiled, and filled the caches
        first = min(job.started for job in jobs)
        record["sweeps"].append(
            {
                "jobs": len(jobs),
                "before_first_job": first - began,
                "wall": ended - first,
                "own": {part: sum(job.seconds[part] for job in jobs) for part in PARTS},
                "total": sum(job.seconds["total"] for job in jobs),
            }
        )
    return record


def report(record: dict[str, Any]) -> str:
    rows = []
    for run in record["sweeps"]:
        own = sum(run["own"].values())
        rows.append(
            [
                f"{run['jobs']} jobs, {record['at_once']} at once",
                f"{run['before_first_job']:.1f}",
                f"{run['wall']:.1f}",
                *(f"{run['own'][part]:.1f}" for part in PARTS),
                f"{run['total'] - own:.1f}",
                f"{run['wall'] / (own / record['at_once']):.2f}",
            ]
        )
    header = ["", "before the first job", "from there to the end", *PARTS, "rest of the jobs"]
    return markdown(
        "What a sweep costs beyond its jobs",
        record,
        f"Machine: {in_words(record['machine'])}.",
        table([*header, "ratio"], rows),
        "Seconds. Text, training and evaluation are sums over the jobs; the rest of the jobs is "
        "saving, MLflow and pictures. The ratio is the time from the first job's beginning to the "
        "end of the command, with its table, report and pictures, over the sum of the three "
        "divided by the jobs at once: 1 would be no cost at all.",
    )


def parser() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    add = options.add_argument
    add("--corpus", metavar="FILE", help="a text, one sentence a line (default: docstrings)")
    add("--epochs", type=int, default=2)
    add("--rounds", type=int, default=1)
    add("--out", metavar="PREFIX", help="writes PREFIX.md and PREFIX.json")
    return options


if __name__ == "__main__":
    run_benchmark("sweep_overhead", parser(), measure, report)
