"""The folder that a run or a sweep writes to."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from omegaconf import DictConfig, open_dict
from omegaconf.errors import OmegaConfBaseException

from nw2v.cli.configuration import CommandLine, is_sweep
from nw2v.errors import InputError
from nw2v.files import cannot_write_folder
from nw2v.run_folder import METRICS_FILE
from nw2v.sweeps.files import alone_in
from nw2v.vectors.model_file import MODEL_FILE

_KEY = "hydra.run.dir"
_RESULTS = (MODEL_FILE, METRICS_FILE, "scores.csv", "report.md")
"""What trainings and comparisons leave that another one would overwrite."""


def check_output_folder(line: CommandLine, config: DictConfig) -> None:
    """Find out before any work whether the output folder can be made.

    Raises
    ------
    InputError
        It, or the nearest folder above it that exists, is a file or cannot be written.
    """
    try:
        node = config.hydra.sweep.dir if is_sweep(line, config) else config.hydra.run.dir
    except OmegaConfBaseException:
        return  # it depends on the running job: Hydra will say what is wrong, if anything is
    folder = Path(str(node)).absolute()
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    if not existing.is_dir():
        raise InputError(f"cannot write the output folder {folder}: {existing} is a file")
    if not os.access(existing, os.W_OK | os.X_OK):
        raise InputError(f"cannot write the output folder {folder}: no permission in {existing}")


@contextmanager
def own_output_folder(line: CommandLine, config: DictConfig) -> Iterator[None]:
    """Keep a folder for one run alone for as long as the block lasts.

    The folder that is named by the time gets a number behind it where there is one of that name,
    since runs may begin in the same second.

    Parameters
    ----------
    line : CommandLine
    config : DictConfig
        The composed configuration. Its `hydra.run.dir` becomes the folder.

    Raises
    ------
    InputError
        The folder that the command line names holds a run already, or another process writes one
        to it; or it cannot be made.
    """
    try:
        place = str(config.hydra.run.dir)
    except OmegaConfBaseException:  # It depends on the running job.
        yield
        return
    if not place.strip():
        raise InputError(f"{_KEY} is empty: name a folder ({_KEY}=. is this one)")
    if not any(override.startswith(f"{_KEY}=") for override in line.overrides):
        place = _made(place)
        with open_dict(config):
            config.hydra.run.dir = place
    with alone_in(Path(place), "training"):
        there = next((name for name in _RESULTS if (Path(place) / name).exists()), None)
        if there is not None:
            raise InputError(
                f"{_KEY}={place} holds a run already ({there}): name another folder, or remove it"
            )
        yield


def _made(place: str) -> str:
    """Make a folder that was not there before: this one, or with a number behind it."""
    folder, number = place, 1
    while True:
        try:
            Path(folder).mkdir(parents=True)
        except FileExistsError:
            number += 1
            folder = f"{place}-{number}"
        except OSError as error:
            raise cannot_write_folder(folder, error) from error
        else:
            return folder
