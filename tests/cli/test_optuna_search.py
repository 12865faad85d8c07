"""Tests of `hydra/sweeper=optuna`: Hydra applications with a cheap job, and `nw2v train` itself."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hydra
import pytest
import yaml
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig, OmegaConf

import nw2v
from nw2v.cli import main
from nw2v.cli.configuration import config_folder
from nw2v.cli.search.job import pruning_callbacks
from nw2v.errors import InputError
from nw2v.sweeps.files import JobRecord, alone_in
from nw2v.training.callbacks import Pruned, Report, TrainingStart
from nw2v.training.parameters import Parameters

if TYPE_CHECKING:
    from optuna import Study

optuna = pytest.importorskip("optuna", reason="needs the extra optuna")

CONFIG = """\
defaults: [_self_, {{loss: soft}}, {{override hydra/sweeper: optuna}}]
seed: 1
x: 0.5
n: 1
kind: a
sweep: {{metric: gain, direction: minimize, trial: null}}
hydra:
  searchpath: ["file://{conf}"]
  job: {{chdir: false}}
  sweep: {{dir: sweep}}
  hydra_logging: {{root: {{handlers: [console], level: INFO}}}}
"""
Job = Callable[[DictConfig], Any]


@pytest.fixture
def application(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of a small application's configuration; the working directory is empty."""
    folder = tmp_path / "application"
    (folder / "loss").mkdir(parents=True)
    (folder / "config.yaml").write_text(CONFIG.format(conf=config_folder()))
    for name in ("soft", "hard"):
        (folder / "loss" / f"{name}.yaml").write_text(f"name: {name}\n")
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setenv("HYDRA_FULL_ERROR", "1")
    return folder


@pytest.fixture
def multirun(application: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Run a job as the application does with -m."""

    def run(job: Job, *overrides: str) -> None:
        monkeypatch.setattr(sys, "argv", ["application", "-m", *overrides])
        hydra.main(version_base="1.3", config_path=str(application), config_name="config")(job)()

    from nw2v.cli.application import _logging_restored

    with _logging_restored():
        yield run


def bowl(config: DictConfig) -> float:
    return float((config.x - 0.3) ** 2 + 0.1 * (config.n - 2) ** 2)


def found() -> dict[str, Any]:
    return yaml.safe_load(Path("sweep/optimization_results.yaml").read_text())


def load(name: str = "search", folder: str = "sweep") -> Study:
    backend = optuna.storages.journal.JournalFileBackend(f"{folder}/optuna.journal")
    return optuna.load_study(study_name=name, storage=optuna.storages.JournalStorage(backend))


PROGRAM = """
import os, signal, sys
import hydra
from hydra.core.hydra_config import HydraConfig

@hydra.main(version_base="1.3", config_path=sys.argv.pop(), config_name="config")
def job(config):
    if HydraConfig.get().job.num == config.get("killed"):
        os.kill(os.getpid(), signal.SIGKILL)
    return float((config.x - 0.3) ** 2 + 0.1 * (config.n - 2) ** 2)

job()
"""


def run_program(application: Path, *overrides: str) -> subprocess.CompletedProcess[str]:
    """Run the bowl in processes of its own; the job whose number is `killed` kills its process."""
    words = ["-c", PROGRAM, "-m", *overrides, str(application)]
    return subprocess.run([sys.executable, *words], capture_output=True, text=True, check=False)


def test_a_search_finds_the_best_of_its_trials(
    multirun: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    given: list[DictConfig] = []

    def job(config: DictConfig) -> float:
        given.append(config)
        return bowl(config)

    space = ["x=interval(0,1)", "n=range(1,4)", "kind=a,b", "loss=soft,hard"]
    multirun(job, *space, "hydra.sweeper.n_trials=4")
    captured = capsys.readouterr()
    values = [bowl(config) for config in given]
    best = min(range(4), key=values.__getitem__)
    results = found()
    assert results["name"] == "optuna"
    assert results["best_value"] == values[best] and results["best_job"] == best
    chosen = given[best]
    assert results["best_params"] == {
        "x": chosen.x,
        "n": chosen.n,
        "kind": chosen.kind,
        "loss": chosen.loss.name,
    }
    assert len({config.x for config in given}) == 4
    assert {config.n for config in given} <= {1, 2, 3}
    assert {path.name for path in Path("sweep").glob("[0-9]")} == {"0", "1", "2", "3"}
    assert Path("sweep/multirun.yaml").is_file()
    assert "4 trials: 4 complete" in captured.out
    assert f"best  trial {best} (job {best}): gain {values[best]:.6g}" in captured.out
    assert "results  sweep/optimization_results.yaml" in captured.out
    assert [trial.value for trial in load().trials] == values


def test_a_search_goes_on_where_it_was_killed(
    multirun: Callable[..., None], application: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    options = ["x=interval(0,1)", "n=int(interval(1,9))", "hydra.sweeper.tpe.n_startup_trials=2"]
    multirun(bowl, *options, "hydra.sweeper.n_trials=4", "hydra.sweep.dir=whole")
    whole = [trial.params for trial in load(folder="whole").trials]

    words = [*options, "hydra.sweeper.n_trials=4", "+killed=2"]
    killed = run_program(application, *words)
    assert killed.returncode == -signal.SIGKILL
    assert [trial.state.name for trial in load().trials] == ["COMPLETE"] * 2 + ["RUNNING"]
    # As if the kill had come in the middle of a line.
    with Path("sweep/optuna.journal").open("ab") as journal:
        journal.write(b'{"op_code":')

    jobs = []

    def job(config: DictConfig) -> float:
        jobs.append(HydraConfig.get().job.num)
        return bowl(config)

    multirun(job, *options, "hydra.sweeper.n_trials=4")
    assert jobs == [2, 3]
    ended = [trial for trial in load().trials if "interrupted" not in trial.user_attrs]
    assert [trial.params for trial in ended] == whole
    assert "the study search goes on: 2 of 4 trials are done" in capfd.readouterr().out

    multirun(job, *options, "hydra.sweeper.n_trials=5")  # more of the same
    assert jobs == [2, 3, 4]
    with pytest.raises(InputError, match="was begun with another search space"):
        multirun(job, "x=interval(0,2)")


def test_jobs_that_ended_before_a_kill_are_not_run_again(multirun: Callable[..., None]) -> None:
    class Kill(BaseException):
        pass

    jobs: list[int] = []

    def job(config: DictConfig) -> float:
        number = HydraConfig.get().job.num
        jobs.append(number)
        if jobs == [0, 1, 2]:
            raise Kill
        folder = Path(HydraConfig.get().runtime.output_dir)
        (folder / "metrics.json").write_text(json.dumps({"gain": bowl(config)}))
        JobRecord(job=number, status="FINISHED", identity="", settings={}).write(folder)
        return bowl(config)

    batch = ["x=interval(0,1)", "hydra.sweeper.n_trials=3", "hydra.sweeper.n_jobs=3"]
    with pytest.raises(Kill):
        multirun(job, *batch)
    multirun(job, *batch)
    assert jobs == [0, 1, 2, 2]
    ended = [trial for trial in load().trials if trial.value is not None]
    assert sorted(trial.user_attrs["job"] for trial in ended) == [0, 1, 2]


def test_failures_are_told_and_the_search_goes_on(
    multirun: Callable[..., None], capfd: pytest.CaptureFixture[str]
) -> None:
    def job(config: DictConfig) -> float | None:
        if config.kind == "fails":
            raise MemoryError("too much")
        return {"nothing": None, "odd": float("nan"), "good": 0.5}[config.kind]

    multirun(job, "kind=fails,nothing,odd,good", "hydra.sweeper.sampler=grid")
    assert found()["best_params"] == {"kind": "good"}
    captured = capfd.readouterr()
    assert "4 trials: 1 complete, 3 failed" in captured.out
    assert captured.out.count("gave no value") == 2 and ": failed" in captured.out

    # All of them: the last failure is that of the search.
    only = ["kind=fails", "hydra.sweep.dir=other", "x=1,2", "hydra.sweeper.n_trials=1"]
    with pytest.raises(MemoryError, match="too much"):
        multirun(job, *only)
    strict = ["hydra.sweeper.max_failure_rate=0", "hydra.sweep.dir=strict", "x=1,2,3"]
    with pytest.raises(MemoryError, match="too much"):
        multirun(job, "kind=fails", "hydra.sweeper.sampler=grid", *strict)
    assert len(list(Path("strict").glob("[0-9]"))) == 1
    with pytest.raises(InputError, match="no trial gave a value of gain"):
        multirun(job, "kind=odd", "x=1,2", "hydra.sweeper.n_trials=1", "hydra.sweep.dir=odd")


def test_the_same_configuration_is_run_once(
    multirun: Callable[..., None], capfd: pytest.CaptureFixture[str]
) -> None:
    jobs = []

    def job(config: DictConfig) -> float:
        jobs.append(config.n)
        return bowl(config)

    options = ["hydra.sweeper.n_trials=5", "hydra.sweeper.n_jobs=3", "hydra.sweeper.sampler=random"]
    multirun(job, "n=1,2", *options)
    assert sorted(jobs) == [1, 2]
    trials = load().trials
    expected = [0.04 + 0.1 * (trial.params["n"] - 2) ** 2 for trial in trials]
    assert [trial.value for trial in trials] == pytest.approx(expected)
    assert len({trial.user_attrs["job"] for trial in trials}) == 2
    assert capfd.readouterr().out.count("not trained again") == 3


def test_several_objectives(
    multirun: Callable[..., None], capsys: pytest.CaptureFixture[str]
) -> None:
    two = ["sweep.metric=[gain,cost]", "sweep.direction=[maximize,minimize]"]

    def job(config: DictConfig) -> list[float]:
        return [config.n, abs(config.n - 2)]

    multirun(job, "n=range(1,5)", *two, "hydra.sweeper.sampler=grid")
    solutions = found()["solutions"]
    assert sorted(s["values"] for s in solutions) == [[2, 0], [3, 1], [4, 2]]
    assert all(s["values"] == [s["params"]["n"], abs(s["params"]["n"] - 2)] for s in solutions)
    assert "Pareto front of 3" in capsys.readouterr().out


def test_a_search_space_in_the_configuration_and_a_journal_elsewhere(
    multirun: Callable[..., None], application: Path
) -> None:
    file = application / "config.yaml"
    file.write_text(
        file.read_text() + "  sweeper: {params: {x: 'interval(0,1)', n: 'range(1,3)'}}\n"
    )
    place = ["hydra.sweeper.storage=studies.journal", "hydra.sweeper.study_name=mine"]
    multirun(bowl, "n=7", *place, "hydra.sweeper.n_trials=2")
    backend = optuna.storages.journal.JournalFileBackend("studies.journal")
    storage = optuna.storages.JournalStorage(backend)
    study = optuna.load_study(study_name="mine", storage=storage)
    assert [list(trial.params) for trial in study.trials] == [["x"], ["x"]]  # n is fixed


def prunable(config: DictConfig) -> float:
    """Trains for three epochs, as far as the search can tell."""
    (callback,) = pruning_callbacks(config.sweep.trial, "valid/loss", "minimize")
    parameters = Parameters(2, 2, seed=1, initial_scale=1.0)
    callback.started(TrainingStart(3, {"epochs": 3}, {}, parameters))
    try:
        for epoch in (1, 2, 3):
            callback.epoch(Report(epoch, epoch, {"valid/loss": config.n / epoch}))
    except Pruned as stopped:
        return float(config.n / stopped.epoch)
    callback.finished(Report(3, 3))
    return float(config.n / 3)


def test_bad_trials_are_pruned(multirun: Callable[..., None]) -> None:
    options = ["hydra.sweeper.pruner=median", "hydra.sweeper.median.n_startup_trials=1"]
    multirun(prunable, "n=1,5,6", "sweep.metric=valid/loss", "hydra.sweeper.sampler=grid", *options)
    states = {trial.params["n"]: trial.state.name for trial in load().trials}
    first = load().trials[0].params["n"]
    assert states[1] == "COMPLETE" and states[first] == "COMPLETE"
    assert states[6] == ("COMPLETE" if first == 6 else "PRUNED")
    assert "sweep.trial=0" in Path("sweep/0/.hydra/overrides.yaml").read_text()
    assert found()["best_params"] == {"n": 1}


def test_parallel_trials(application: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parallel = ["hydra/launcher=joblib", "hydra.launcher.n_jobs=2", "hydra.sweeper.n_trials=2"]
    monkeypatch.setenv("NW2V_CORES", "2")
    done = run_program(application, "x=interval(0,1)", *parallel)
    assert done.returncode == 0, done.stderr
    assert "Launching 2 jobs, 2 at once" in done.stdout + done.stderr
    assert [trial.state.name for trial in load().trials] == ["COMPLETE"] * 2
    assert len(list(Path("sweep").glob("[0-9]"))) == 2


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["x=interval(1,0)"], r"x=interval\(1,0\): an empty range"),
        (["n=range(3,3)"], r"n=range\(3,3\): an empty range"),
        (["x=tag(log,interval(0,1))"], r"x=tag\(log,interval\(0,1\)\): no logarithm of 0.0"),
        (["x=tag(nope,interval(0,1))"], "no tag nope; there is log"),
        (["kind=tag(log,choice(1,2))"], r"tag\(log, ...\) goes with an interval or a range"),
        (["x=interval(0,1)", "hydra.sweeper.sampler=grid"], "a grid needs values that can be"),
        (["kind=a,b", "hydra.sweeper.sampler=cmaes"], "sampler=cmaes searches numbers alone"),
        (["x=1"], "nothing to search"),
        (["n=1,2", "sweep.metric=a,b"], r"a list is written sweep.metric=\[a,b\]"),
        (["n=1,2", "sweep.metric=[a,b]"], "sweep.metric has 2 metrics and sweep.direction 1"),
        (["n=1,2", "hydra.sweeper.sampler=best"], "hydra.sweeper.sampler=best: expected tpe"),
        (["n=1,2", "hydra.sweeper.n_trials=0"], "n_trials=0: expected a whole number from 1"),
        (
            ["n=1,2", "hydra.sweeper.pruner=median", "hydra.sweeper.prune_metric=train/loss"],
            "epochs",
        ),
        (
            [
                *("n=1,2", "hydra.sweeper.pruner=median"),
                *("sweep.metric=[a,b]", "sweep.direction=[maximize,minimize]"),
            ],
            "pruner=median needs one metric",
        ),
    ],
)
def test_what_cannot_be_searched_is_said_before_anything_runs(
    words: list[str], message: str, multirun: Callable[..., None]
) -> None:
    with pytest.raises(InputError, match=message) as caught:
        multirun(bowl, *words)
    assert "\n" not in str(caught.value)
    assert list(Path().iterdir()) == []


def test_two_searches_in_one_folder_at_a_time(multirun: Callable[..., None]) -> None:
    Path("sweep").mkdir()
    with (
        alone_in(Path("sweep"), "search"),
        pytest.raises(InputError, match="another process runs a search in"),
    ):
        multirun(bowl, "n=1,2")
    multirun(bowl, "n=1,2", "hydra.sweeper.n_trials=1")
    assert len(load().trials) == 1


def test_values_reach_the_jobs_as_they_were_written(multirun: Callable[..., None]) -> None:
    kinds, numbers = [], []

    def job(config: DictConfig) -> float:
        kinds.append(OmegaConf.to_container(config)["kind"])  # type: ignore[call-overload, index]
        numbers.append(config.x)
        return 1.0

    grid = ["hydra.sweeper.sampler=grid", "hydra.sweeper.n_trials=4"]
    multirun(job, "kind=[a,1],'b, \"c\"',null,true", "x=range(-0.1,-0.05,0.1)", *grid)
    assert sorted(map(str, kinds)) == sorted(["['a', 1]", 'b, "c"', "None", "True"])
    assert set(numbers) == {-0.1}


def test_without_optuna_it_is_said_what_to_install(
    multirun: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "optuna", None)
    with pytest.raises(InputError, match=r"pip install 'nw2v\[optuna\]'"):
        multirun(bowl, "n=1,2")


def test_the_plugin_costs_little_at_every_start() -> None:
    code = (
        "import sys, hydra.core.plugins as p; before = set(sys.modules)\n"
        "import hydra_plugins.nw2v_sweepers as ours\n"
        "print(sorted(n for n in set(sys.modules) - before if 'nw2v' in n or 'optuna' in n))\n"
        "assert ours.OptunaSweeper in p.Plugins.instance().discover(p.Sweeper)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout == "['hydra_plugins.nw2v_sweepers']\n", done.stderr


# --- nw2v train -----------------------------------------------------------------------------------

SEARCH = [
    *("train", "-m", "hydra/sweeper=optuna", "tracking=none", "model.dim=16", "trainer.threads=1"),
    *("corpus.min_count=1", "model.subsample=0", "evaluation.subsample=0", "trainer.epochs=3"),
    *("sweep.metric=valid/cross_entropy", "sweep.direction=minimize", "hydra.sweep.dir=sweep"),
    *("hydra.sweeper.pruner=median", "hydra.sweeper.median.n_startup_trials=1"),
    *("hydra.sweeper.sampler=grid", "trainer.learning_rate=0.001,0.03,0.1"),
]


def test_training_is_searched_pruned_interrupted_and_gone_on_with(
    text: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    from nw2v.training.progress import ProgressBar

    monkeypatch.chdir(tmp_path)
    words = [*SEARCH, "corpus=file", f"corpus.path={text}", "seed=3"]
    calls: list[int] = []

    def interrupt(self: ProgressBar, report: Report) -> None:
        calls.append(report.epoch)
        if calls.count(2) == 2:  # within the second job
            os.kill(os.getpid(), signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr(ProgressBar, "epoch", interrupt)
        assert main(words) == 130
    assert [trial.state.name for trial in load().trials] == ["COMPLETE", "RUNNING"]
    capsys.readouterr()
    assert main(["train", "sweep.resume=sweep"]) == 0
    captured = capsys.readouterr()
    assert "1 of 3 trials are done; 1 that were interrupted are made again" in captured.err
    states = {
        trial.params["trainer.learning_rate"]: trial.state.name
        for trial in load().trials
        if "interrupted" not in trial.user_attrs
    }
    assert states == {0.1: "COMPLETE", 0.03: "COMPLETE", 0.001: "PRUNED"}
    assert "note: pruned after pass 1" in captured.err
    (pruned,) = (t for t in load().trials if t.state.name == "PRUNED")
    folder = f"sweep/{pruned.user_attrs['job']}"
    assert nw2v.load(folder).center_vectors.any()  # what it learnt is kept
    best = found()
    assert best["best_value"] == min(
        json.loads(Path(f"sweep/{job}/metrics.json").read_text())["valid/cross_entropy"]
        for job in range(3)
    )
    # A job's command line, run by itself, is no part of the search any more.
    alone = [*words[:1], "trainer.learning_rate=0.1", "sweep.trial=0", "hydra.run.dir=alone"]
    assert main([*alone, *words[3:10], *words[-3:]]) == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["model.dim=interval(0,10)"], "model.dim=0: expected a whole number from 1 to 10,000"),
        (["model.window=interval(1,9)"], "model.window=4.05"),
        (["trainer.learning_rate=interval(0.5,0.1)"], "an empty range"),
    ],
)
def test_values_that_no_job_could_take_are_found_first(
    words: list[str],
    message: str,
    text: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    search = ["train", "-m", "hydra/sweeper=optuna", "tracking=none"]
    assert main([*search, "corpus=file", f"corpus.path={text}", *words]) == 2
    err = capsys.readouterr().err
    assert message in err and err.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
