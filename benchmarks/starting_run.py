"""The command `nw2v` in a process that notes when it reaches what; started by starting.py.

python benchmarks/starting_run.py MARKS.json train KEY=VALUE ...
"""

from __future__ import annotations

import functools
import importlib.abc
import importlib.machinery
import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

LIBRARIES = ("numpy", "numba", "scipy", "pandas", "pyarrow", "hydra", "matplotlib", "mlflow")

marks: list[tuple[str, float]] = [("python", time.time())]


def mark(name: str) -> None:
    marks.append((name, time.time()))


def told(function: Callable[..., Any], before: str | None, after: str | None) -> Callable[..., Any]:
    """Wrap a function so that its beginning and its end are noted."""

    @functools.wraps(function)
    def watched(*arguments: Any, **keywords: Any) -> Any:
        if before:
            mark(before)
        result = function(*arguments, **keywords)
        if after:
            mark(after)
        return result

    return watched


def watch_application(module: Any) -> None:
    module.open_corpus = told(module.open_corpus, None, "corpus open")
    module.train_job = told(module.train_job, "job", "job done")


def watch_training(module: Any) -> None:
    module.fit = told(module.fit, None, "trained")


def watch_trainer(module: Any) -> None:
    trainer = module.StreamTrainer
    trainer.prepare = told(trainer.prepare, "preparing", "kernels ready")
    trainer.run_epoch = told(trainer.run_epoch, "step", "pass done")


WATCHED = {
    "nw2v.cli.train": watch_application,
    "nw2v.api": watch_training,
    "nw2v.training.stream": watch_trainer,
    **dict.fromkeys(LIBRARIES),
}


class Watcher(importlib.abc.MetaPathFinder):
    """Notes the end of the imports it is asked about, and wraps functions of some modules."""

    def find_spec(
        self, name: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Find a module where Python does, and have the end of its import noted."""
        if name not in WATCHED:
            return None
        spec = importlib.machinery.PathFinder.find_spec(name, path, target)
        if spec is not None and spec.loader is not None:
            loader: Any = spec.loader
            run = loader.exec_module

            def exec_module(module: ModuleType) -> None:
                run(module)
                mark(f"import {name}")
                if (change := WATCHED[name]) is not None:
                    change(module)

            loader.exec_module = exec_module
        return spec


if __name__ == "__main__":
    sys.meta_path.insert(0, Watcher())
    from nw2v.cli import main

    status = main(sys.argv[2:])
    mark("command done")
    Path(sys.argv[1]).write_text(json.dumps(marks), encoding="utf-8")
    raise SystemExit(status)
