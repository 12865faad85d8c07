"""A job's share of the cores, its lines, and where it works."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest
from omegaconf import OmegaConf

from nw2v.cli.one_of_several import (
    _Lines,
    _WholeLines,
    cores_of_job,
    go_to,
    in_other_processes,
    jobs_at_once,
)
from nw2v.errors import InputError

PLUGINS = "hydra_plugins.some_launcher."


@pytest.fixture(autouse=True)
def eight_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nw2v.cli.one_of_several.available_cores", lambda: 8)


@pytest.mark.parametrize(
    ("launcher", "cores"),
    [
        ({"_target_": "hydra._internal.core_plugins.basic_launcher.BasicLauncher"}, None),
        ({"_target_": PLUGINS + "JoblibLauncher", "n_jobs": 1}, 8),
        ({"_target_": PLUGINS + "JoblibLauncher", "n_jobs": 3}, 2),
        ({"_target_": PLUGINS + "JoblibLauncher", "n_jobs": -1}, 1),
        ({"_target_": PLUGINS + "JoblibLauncher", "n_jobs": 20}, 1),
        ({"_target_": PLUGINS + "LocalLauncher", "cpus_per_task": None}, 1),
        ({"_target_": PLUGINS + "LocalLauncher", "cpus_per_task": 4}, 4),
        ({"_target_": PLUGINS + "SlurmLauncher", "cpus_per_task": 4}, 4),
        ({"_target_": PLUGINS + "SlurmLauncher", "cpus_per_task": None}, None),
        ({"_target_": PLUGINS + "RayLauncher", "ray": {"init": {}, "remote": {}}}, 1),
        ({"_target_": PLUGINS + "RayLauncher", "ray": {"remote": {"num_cpus": 2}}}, 2),
        ({"_target_": PLUGINS + "RayLauncher", "ray": {"remote": {"num_cpus": 0.5}}}, 1),
    ],
)
def test_cores_are_divided(launcher: dict[str, Any], cores: int | None) -> None:
    assert cores_of_job(OmegaConf.create(launcher)) == cores


@pytest.mark.parametrize(
    ("launcher", "elsewhere"),
    [
        ({"_target_": "hydra._internal.core_plugins.basic_launcher.BasicLauncher"}, False),
        ({"_target_": PLUGINS + "JoblibLauncher", "n_jobs": 1}, False),
        ({"_target_": PLUGINS + "JoblibLauncher", "n_jobs": -8}, False),
        ({"_target_": PLUGINS + "JoblibLauncher", "n_jobs": -1}, True),
        ({"_target_": PLUGINS + "LocalLauncher"}, True),
        ({"_target_": PLUGINS + "SlurmLauncher"}, True),
        ({"_target_": PLUGINS + "RayLauncher"}, True),
    ],
)
def test_where_jobs_run(launcher: dict[str, Any], elsewhere: bool) -> None:
    assert in_other_processes(OmegaConf.create(launcher)) is elsewhere


def test_jobs_at_once_count_from_the_cores_where_negative() -> None:
    assert [jobs_at_once(number) for number in (-1, -2, -100, 3, 20)] == [8, 7, 1, 3, 20]
    with pytest.raises(InputError, match=r"hydra\.launcher\.n_jobs=0: expected how many jobs"):
        jobs_at_once(0)


def test_lines_are_whole_and_numbered() -> None:
    out = io.StringIO()
    stream = _WholeLines(_Lines(3, out).quote)
    print("a be", end="", file=stream)
    print("ginning\n\nand ", end="", file=stream)
    assert out.getvalue() == "job 3: a beginning\n"
    stream.finish()
    assert out.getvalue() == "job 3: a beginning\njob 3: and \n"
    assert not stream.isatty()


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"where the command was typed .*that all machines share"):
        go_to(tmp_path / "nowhere")
