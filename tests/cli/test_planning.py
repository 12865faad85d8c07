"""Tests of what a sweep's command line comes to."""

from __future__ import annotations

from pathlib import Path

import pytest

from nw2v.cli.configuration import compose_all, parse_command_line, plain
from nw2v.cli.grid import launch_planned
from nw2v.cli.planning import Plan, plan_jobs
from nw2v.cli.settings import read_settings
from nw2v.errors import InputError


def plan(*words: str) -> Plan:
    return plan_jobs(parse_command_line(["-m", "tracking=none", *words]))


def composed(overrides: list[str]) -> dict[str, object]:
    return read_settings(plain(compose_all(parse_command_line(overrides))[0]))


def test_every_combination_is_a_job_as_hydra_composes_it() -> None:
    found = plan("model.window=2,5", "loss=naive_softmax,negative_sampling", "seed=range(0,2)")
    assert found.jobs is not None and len(found.jobs) == 8
    for job in found.jobs:
        assert job.settings == composed(job.overrides)
    choices = [(j.settings["model.window"], j.settings["loss.name"]) for j in found.jobs[::2]]
    assert choices[:3] == [(2, "naive_softmax"), (2, "negative_sampling"), (5, "naive_softmax")]


def test_negatives_do_not_multiply_the_naive_softmax() -> None:
    found = plan("loss=naive_softmax,negative_sampling", "loss.negatives=5,15")
    assert found.jobs is not None
    chosen = [(job.settings["loss.name"], job.settings["loss.negatives"]) for job in found.jobs]
    assert chosen == [
        ("naive_softmax", None),
        ("negative_sampling", 5),
        ("negative_sampling", 15),
    ]
    assert found.repeated == 1
    assert composed(found.jobs[0].overrides)["loss.negatives"] is None


def test_what_is_set_of_hydra_itself_is_not_said_again_by_each_job() -> None:
    own = "+hydra.job.env_set.NW2V_TEST=1"  # cannot be added twice
    jobs = plan(own, "hydra.sweep.dir=sweep", "model.window=2,5", "model.dim=20").jobs
    assert jobs is not None
    assert jobs[0].overrides == ["tracking=none", "model.window=2", "model.dim=20"]


def test_interpolations_follow_what_is_swept(tmp_path: Path) -> None:
    (tmp_path / "experiment").mkdir()
    (tmp_path / "experiment/twice.yaml").write_text(
        "# @package _global_\nevaluation:\n  window: ${model.window}\n"
    )
    words = ["--config-dir", str(tmp_path), "experiment=twice", "model.window=3,7"]
    jobs = plan(*words).jobs
    assert jobs is not None
    assert [job.settings["evaluation.window"] for job in jobs] == [3, 7]


def test_a_preset_names_what_is_swept_and_the_command_line_comes_first(tmp_path: Path) -> None:
    (tmp_path / "experiment").mkdir()
    (tmp_path / "experiment/mine.yaml").write_text(
        "# @package _global_\nhydra:\n  mode: MULTIRUN\n  sweeper:\n    params:\n"
        "      model.window: 2,5\n      seed: range(3)\n"
    )
    words = ["--config-dir", str(tmp_path), "experiment=mine"]
    jobs = plan(*words).jobs
    assert jobs is not None and len(jobs) == 6
    fewer = plan(*words, "seed=7").jobs
    assert fewer is not None
    assert [(j.settings["model.window"], j.settings["seed"]) for j in fewer] == [(2, 7), (5, 7)]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["model.window=interval(1,5)"], "a grid has no intervals"),
        (["model.window=glob(x*)"], "no values to sweep over"),
        (["seed=range(3,3)"], "no values to sweep over"),
        (["model.windw=1,2"], "no configuration key 'model.windw'"),
        (["model.window=1,0"], "model.window=0"),
        (["loss=naive_softmax,sampling"], "loss=sampling: there is no such option"),
        (["seed=range(1000)", "model.dim=range(1,1000)"], "999,000 combinations"),
    ],
)
def test_what_cannot_be_swept(words: list[str], message: str) -> None:
    with pytest.raises(InputError) as caught:
        plan(*words)
    assert message in str(caught.value)


def test_a_grid_that_nobody_planned() -> None:
    with pytest.raises(InputError, match="hydra/sweeper=basic"):
        launch_planned(None, None)  # type: ignore[arg-type]


def test_what_a_preset_searches_is_checked_as_well(tmp_path: Path) -> None:
    pytest.importorskip("optuna", reason="needs the extra optuna")
    (tmp_path / "experiment").mkdir()
    preset = tmp_path / "experiment/mine.yaml"
    words = ["--config-dir", str(tmp_path), "experiment=mine", "hydra/sweeper=optuna"]
    text = "# @package _global_\nhydra:\n  sweeper:\n    params:\n      {}\n"
    preset.write_text(text.format("model.window: range(2,5)"))
    settings = plan(*words, "model.dim=20,30").settings
    assert {each["model.window"] for each in settings} >= {2, 4}
    assert {each["model.dim"] for each in settings} == {20, 30}
    assert {each["model.window"] for each in plan(*words, "model.window=7,8").settings} == {7, 8}
    for wrong, message in (("model.windw: 2,5", "model.windw"), ("model.window: 2,0", "window=0")):
        preset.write_text(text.format(wrong))
        with pytest.raises(InputError, match=message):
            plan(*words)


def test_other_sweepers_choose_their_jobs_themselves() -> None:
    found = plan("hydra/sweeper=basic", "model.window=2,5")
    assert found.jobs is None
    assert [settings["model.window"] for settings in found.settings] == [2, 5]
