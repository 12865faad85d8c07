"""Tests of sweeps: their jobs, failures, resuming, and what MLflow has of them."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from omegaconf import OmegaConf

import nw2v
from nw2v.cli import main, multirun
from nw2v.cli.configuration import config_folder
from nw2v.sweeps.files import JobRecord, SweepRecord, alone_in, job_folders

QUICK = [
    "model.dim=16",
    "trainer.epochs=1",
    "trainer.threads=1",
    "corpus.min_count=1",
    # All words of so small a text are frequent.
    "model.subsample=0",
    "evaluation.subsample=0",
    "hydra.sweep.dir=sweep",
    "sweep.metric=valid/cross_entropy",
    "sweep.direction=minimize",
]
# MLflow's own imports warn of each other.
OF_MLFLOW = pytest.mark.filterwarnings("ignore")


@pytest.fixture(autouse=True)
def in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return tmp_path


def arguments(text: Path, *more: str) -> list[str]:
    return ["train", "-m", "corpus=file", f"corpus.path={text}", "tracking=none", *QUICK, *more]


def records(folder: str = "sweep") -> list[JobRecord]:
    return [JobRecord.read(path) for path in job_folders(Path(folder))]


def test_jobs_leave_records(text: Path) -> None:
    assert main(arguments(text, "model.window=2,3", "seed=1,2")) == 0
    assert SweepRecord.read(Path("sweep")).swept == ["model.window", "seed"]
    found = records()
    assert [(r.job, r.status) for r in found] == [(job, "FINISHED") for job in range(4)]
    assert [(r.settings["model.window"], r.settings["seed"]) for r in found] == [
        (2, 1),
        (2, 2),
        (3, 1),
        (3, 2),
    ]
    for record in found:
        seconds = record.seconds
        parts = seconds["corpus"] + seconds["training"] + seconds["evaluation"]
        assert 0 < parts <= seconds["total"]
        metrics = json.loads(Path(f"sweep/{record.job}/metrics.json").read_text())
        assert seconds["training"] == metrics["train/seconds"]
    assert len({record.corpus_fingerprint for record in found}) == 1


def test_hydra_composes_jobs_that_differ_in_values_once(
    text: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    composed = []
    original = ConfigLoaderImpl.load_sweep_config

    def load_sweep_config(loader: Any, master: Any, overrides: list[str]) -> Any:
        composed.append(overrides)
        return original(loader, master, overrides)

    monkeypatch.setattr(ConfigLoaderImpl, "load_sweep_config", load_sweep_config)
    assert main(arguments(text, "model.window=2,3", "seed=1,2")) == 0
    assert composed == [["corpus=file", "tracking=none"]]


def test_both_losses_over_one_grid(text: Path, capsys: pytest.CaptureFixture[str]) -> None:
    losses = "loss=naive_softmax,negative_sampling"
    assert main(arguments(text, losses, "loss.negatives=2,4")) == 0
    assert "sweep: 3 jobs (1 more combinations differ only" in capsys.readouterr().err
    chosen = [(r.settings["loss.name"], r.settings["loss.negatives"]) for r in records()]
    assert chosen == [("naive_softmax", None), ("negative_sampling", 2), ("negative_sampling", 4)]


def fail_for(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    original = nw2v.train

    def sometimes(*args: Any, **options: Any) -> nw2v.Model:
        if options["seed"] == seed:
            raise MemoryError("too much")
        return original(*args, **options)

    monkeypatch.setattr("nw2v.train", sometimes)


def test_a_failed_job_leaves_the_others_alone_and_is_done_again(
    text: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with monkeypatch.context() as patched:
        fail_for(2, patched)
        assert main(arguments(text, "seed=1,2,3")) == 1
    last = capsys.readouterr().err.splitlines()[-1]
    assert "job 1 failed (MemoryError: too much)" in last
    assert "nw2v train -m sweep.resume=sweep" in last
    assert [record.status for record in records()] == ["FINISHED", "FAILED", "FINISHED"]
    before = Path("sweep/0/model.safetensors").stat().st_mtime_ns

    assert main(["train", "sweep.resume=sweep"]) == 0
    assert "sweep: 3 jobs, of which 2 are done" in capsys.readouterr().err
    assert [(r.job, r.status, r.failure) for r in records()] == [
        (job, "FINISHED", None) for job in range(3)
    ]
    assert Path("sweep/0/model.safetensors").stat().st_mtime_ns == before


def test_more_jobs_join_a_sweep(text: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments(text, "seed=1,2")) == 0
    capsys.readouterr()
    assert main(["train", "-m", "sweep.resume=sweep", "seed=1,2,3"]) == 0
    assert "3 jobs, of which 2 are done" in capsys.readouterr().err
    assert [(r.job, r.settings["seed"]) for r in records()] == [(0, 1), (1, 2), (2, 3)]


def test_jobs_are_told_by_the_numbers_of_their_folders(
    text: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments(text, "model.window=2,3", "seed=1,2")) == 0
    shutil.rmtree("sweep/1")
    capsys.readouterr()
    assert main(["train", "sweep.resume=sweep", "model.window=2,3", "seed=1,2,3"]) == 0
    told = re.findall(r"#(\d+) : .*model.window=(\d) seed=(\d)", capsys.readouterr().err)
    assert len(told) == 3
    for number, window, seed in told:
        settings = JobRecord.read(Path("sweep") / number).settings
        assert (settings["model.window"], settings["seed"]) == (int(window), int(seed))
        hydra = OmegaConf.load(Path("sweep") / number / ".hydra/hydra.yaml")
        assert hydra.hydra.job.num == int(number)
    assert len({record.job for record in records()}) == 6


def test_configuration_files_of_ones_own_by_a_relative_path(text: Path) -> None:
    shutil.copytree(config_folder(), "own")
    file = Path("own/shared.yaml")
    file.write_text(file.read_text().replace("window: 5", "window: 3"))
    assert main(arguments(text, "--config-path", "own", "seed=1,2")) == 0
    assert [record.settings["model.window"] for record in records()] == [3, 3]


def test_a_sweep_is_resumed_with_another_configuration_folder(text: Path) -> None:
    shutil.copytree(config_folder(), "own")
    assert main(arguments(text, "--config-path", "own", "seed=1")) == 0
    Path("elsewhere").mkdir()
    Path("own").rename("elsewhere/moved")
    with contextlib.chdir("elsewhere"):
        words = ["train", "--config-path", "moved", "sweep.resume=../sweep", "seed=1,2"]
        assert main(words) == 0
    assert [record.settings["seed"] for record in records()] == [1, 2]


def test_another_text_is_trained_on_again(text: Path, capsys: pytest.CaptureFixture[str]) -> None:
    own = Path("own.txt")
    own.write_bytes(text.read_bytes())
    assert main(arguments(own, "seed=1,2")) == 0
    own.write_bytes(text.read_bytes() + b"one more sentence of the text\n")
    capsys.readouterr()
    assert main(["train", "-m", "sweep.resume=sweep"]) == 0
    assert "the text has changed: 2 finished jobs are done anew" in capsys.readouterr().err
    assert [record.job for record in records()] == [0, 1]


def test_a_folder_takes_one_sweep(text: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments(text, "seed=1")) == 0
    record = Path("sweep/sweep.json").read_text()
    capsys.readouterr()
    for words, message in (
        (arguments(text, "seed=2"), "holds a sweep already: go on with it by sweep.resume=sweep"),
        (["train", "sweep.resume=sweep", "hydra/sweeper=basic"], "was begun with"),
        (["train", "sweep.resume=sweep", "hydra.launcher.n_jobs=0", "hydra/launcher=joblib"], "0"),
    ):
        assert main(words) == 2
        err = capsys.readouterr().err
        assert message in err and len(err.splitlines()) == 1
        assert Path("sweep/sweep.json").read_text() == record


def test_a_sweep_is_resumed_where_it_was_begun(
    text: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("own.txt").write_bytes(text.read_bytes())
    assert main(arguments(Path("own.txt"), "seed=1")) == 0
    begun = Path.cwd()
    Path("elsewhere").mkdir()
    monkeypatch.chdir("elsewhere")
    capsys.readouterr()
    assert main(["train", "sweep.resume=../sweep", "seed=1,2"]) == 0
    assert f"note: working in {begun}, where the sweep was begun" in capsys.readouterr().err
    assert Path.cwd() == begun / "elsewhere"
    assert [record.status for record in records("../sweep")] == ["FINISHED"] * 2


def test_one_start_at_a_time(text: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with alone_in(Path("sweep")):
        assert main(arguments(text, "seed=1")) == 2
    assert "another process runs a sweep in" in capsys.readouterr().err


def test_a_damaged_record_is_left_aside(text: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments(text, "seed=1,2")) == 0
    Path("sweep/1/job.json").write_text("{")
    assert main(["train", "sweep.resume=sweep"]) == 0
    captured = capsys.readouterr()
    assert "job.json cannot be read and is left aside" in captured.err
    assert "report      sweep/report.html" in captured.out
    assert sorted(record.settings["seed"] for record in records()) == [1, 2]


def test_an_empty_text_leaves_nothing_behind(capsys: pytest.CaptureFixture[str]) -> None:
    Path("empty.txt").touch()
    words = [*arguments(Path("empty.txt"), "seed=1,2"), "hydra.sweep.dir=made/here"]
    assert main(words) == 2
    assert "the corpus is empty" in capsys.readouterr().err
    assert [path.name for path in Path.cwd().iterdir()] == ["empty.txt"]


def test_a_folder_for_all_jobs_is_refused(text: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments(text, "seed=1,2", "hydra.sweep.subdir=x")) == 2
    assert "all jobs would write into one folder" in capsys.readouterr().err


def test_a_failed_job_that_is_no_longer_wanted(text: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patched:
        fail_for(2, patched)
        assert main(arguments(text, "seed=1,2")) == 1
    assert main(["train", "sweep.resume=sweep", "seed=1,3"]) == 0
    assert SweepRecord.read(Path("sweep")).swept == ["seed"]


def test_jobs_keep_the_numbers_of_their_first_start(text: Path) -> None:
    assert main(arguments(text, "seed=1,2,3")) == 0
    shutil.rmtree("sweep/0")  # as where a launcher began with the longest jobs
    assert main(["train", "sweep.resume=sweep"]) == 0
    records = [JobRecord.read(folder) for folder in job_folders(Path("sweep"))]
    assert sorted((record.job, record.settings["seed"]) for record in records) == [
        *((0, 1), (1, 2), (2, 3))
    ]


def test_the_command_to_go_on_can_be_typed(
    text: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = [word for word in arguments(text, "seed=1,2") if "sweep.dir" not in word]
    with monkeypatch.context() as patched:
        fail_for(2, patched)
        assert main([*words, "hydra.sweep.dir='it\\'s (a) $x=1'"]) == 1
    advice = capsys.readouterr().err.splitlines()[-1].partition("again: nw2v ")[2]
    assert main(shlex.split(advice)) == 0


def test_folders_with_names_of_ones_own(
    text: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = arguments(text, "seed=1,2", "hydra.sweep.subdir=seed-${seed}")
    words += ["+hydra.job.env_set.NW2V_TEST=1"]
    with monkeypatch.context() as patched:
        fail_for(2, patched)
        assert main(words) == 1
    capsys.readouterr()
    assert main(["train", "sweep.resume=sweep"]) == 0
    assert "of which 1 is done" in capsys.readouterr().err
    frame = nw2v.sweeps.load("sweep")
    assert frame["seed"].tolist() == [1, 2] and set(frame["status"]) == {"FINISHED"}
    assert [Path(folder).name for folder in frame["folder"]] == ["seed-1", "seed-2"]


def test_a_direction_against_the_metric_is_told(
    text: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments(text, "seed=1,2")) == 0
    assert "is better, and sweep.direction" not in capsys.readouterr().err
    more = ["sweep.direction=maximize", "hydra.sweep.dir=other"]
    assert main(arguments(text, "seed=1,2", *more)) == 0
    told = capsys.readouterr().err
    assert told.count("note: less of valid/cross_entropy is better, and sweep.direction=max") == 1


@pytest.mark.parametrize("sweeper", ["grid", "basic"])
def test_a_job_that_was_ended_from_outside_is_no_success(
    sweeper: str, text: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    launched = multirun.launch

    def cut_short(*given: Any, **options: Any) -> None:
        launched(*given, **options)
        record = records()[1]
        record.status = "KILLED"  # as by a cluster that wants the machine back
        record.write(job_folders(Path("sweep"))[1])

    monkeypatch.setattr(multirun, "launch", cut_short)
    assert main(arguments(text, "seed=1,2", f"hydra/sweeper={sweeper}")) == 1
    assert "job 1 did not come to its end" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["sweep.metric=valid/cross_entropi"], "did you mean valid/cross_entropy?"),
        (["sweep.metric=nope"], "sweep.metric=nope: a job of this configuration has no"),
        (["evaluation.heldout_fraction=0"], "sweep.metric=valid/cross_entropy: a job"),
        (["sweep.resume=nowhere"], "nowhere: neither a folder nor an MLflow run id"),
        (["sweep.resume=."], "is not the folder of a sweep"),
        (["seed=range(5,5)"], "no values to sweep over"),
        (["seed=1,2", "model.wndow=2"], "no configuration key 'model.wndow'"),
    ],
)
def test_what_is_wrong_is_told_before_anything_runs(
    text: Path, words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments(text, *words)) == 2
    err = capsys.readouterr().err
    assert message in err and len(err.splitlines()) == 1
    assert not Path("sweep").exists()


@OF_MLFLOW
def test_a_killed_sweep_is_resumed_with_every_job_once(text: Path) -> None:
    """Kill -9 in the middle of a job, then go on: in the folder and in the store."""
    from mlflow import MlflowClient

    words = [*arguments(text, "seed=range(4)"), "tracking=mlflow", "trainer.epochs=60"]
    words.remove("trainer.epochs=1")
    process = subprocess.Popen(
        [sys.executable, "-m", "nw2v", *words],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    deadline = time.monotonic() + 300
    while not (Path("sweep/1/job.json").is_file() and len(records()) >= 2):
        assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    first = SweepRecord.read(Path("sweep")).parent_run
    assert first is not None
    assert records()[0].status == "FINISHED" and records()[-1].status == "RUNNING"

    resumed = [sys.executable, "-m", "nw2v", "train", f"sweep.resume={first}"]
    subprocess.run(resumed, check=True, capture_output=True, timeout=300)
    assert [(r.job, r.status) for r in records()] == [(job, "FINISHED") for job in range(4)]
    assert SweepRecord.read(Path("sweep")).parent_run == first
    client = MlflowClient(f"sqlite:///{Path('mlflow.db').absolute()}")
    runs = client.search_runs(["1"])
    parent = [run for run in runs if run.info.run_id == first]
    children = [run for run in runs if run.data.tags.get("mlflow.parentRunId") == first]
    assert [run.info.status for run in parent] == ["FINISHED"]
    assert len(runs) == 5 and {run.info.status for run in children} == {"FINISHED"}
    assert sorted(run.data.params["seed"] for run in children) == list("0123")
    assert {run.info.run_name for run in children} == {f"seed={seed}" for seed in range(4)}
    assert {r.run_id for r in records()} == {run.info.run_id for run in children}

    # A job's own command makes that job again, and does not go on with the sweep.
    descriptions = [run.data.tags["mlflow.note.content"] for run in children]
    assert all("$ nw2v train corpus=file" in text for text in descriptions)
    assert not any("sweep.resume" in text for text in descriptions)

    # As if killed between the last word to MLflow and the last one to the folder.
    whole = records()[2]
    JobRecord(
        whole.job, "RUNNING", whole.identity, whole.settings,
        process={**whole.process, "nw2v.process_started": "long ago"},
    ).write(Path("sweep/2"))  # fmt: skip
    done = subprocess.run(resumed, check=True, capture_output=True, timeout=300, text=True)
    assert "4 jobs, of which 4 are done" in done.stderr
    known = records()[2]
    assert (known.status, known.run_id) == ("FINISHED", whole.run_id)
    assert known.corpus_fingerprint == whole.corpus_fingerprint
    tags = client.get_run(first).data.tags
    assert json.loads(tags["nw2v.swept"]) == ["seed"]
    assert tags["nw2v.command"].startswith("nw2v train -m ")
    assert "seed=range(4)" in tags["nw2v.command"]


@OF_MLFLOW
def test_the_folder_and_the_parent_run_give_the_same_table(text: Path) -> None:
    assert main([*arguments(text, "model.window=2,3"), "tracking=mlflow"]) == 0
    uri = f"sqlite:///{Path('mlflow.db').absolute()}"
    of_folder = nw2v.sweeps.load("sweep")
    of_run = nw2v.sweeps.load(of_folder.attrs["parent_run"], uri=uri)
    assert {*of_folder} == {*of_run}
    # What only the folder knows, what is measured twice, and the same place in other words.
    own = ["seconds/corpus", "seconds/evaluation", "seconds/total", "folder"]
    pd.testing.assert_frame_equal(
        of_folder.drop(columns=own), of_run[of_folder.columns].drop(columns=own)
    )
    assert of_folder["trainer.learning_rate"].tolist() == [0.05, 0.05]
    assert (of_folder["vocabulary_size"] > 0).all()


@OF_MLFLOW
def test_what_a_failed_job_had_measured_is_in_both_tables(text: Path) -> None:
    words = [
        *arguments(text, "trainer.learning_rate=0.05,90", "trainer.epochs=3"),
        "tracking=mlflow",
    ]
    assert main(words) == 1
    of_folder = nw2v.sweeps.load("sweep")
    assert of_folder["status"].tolist() == ["FINISHED", "FAILED"]
    uri = f"sqlite:///{Path('mlflow.db').absolute()}"
    of_run = nw2v.sweeps.load(of_folder.attrs["parent_run"], uri=uri)
    known = ["run_id", "fingerprint", "failure", "valid/cross_entropy", "train/seconds"]
    assert of_folder[known].notna().loc[1].all()
    pd.testing.assert_frame_equal(of_folder[known], of_run[known])
    assert (nw2v.sweeps.histories("sweep")["job"] == 1).any()


@OF_MLFLOW
def test_a_sweep_whose_best_model_is_gone_has_its_table(
    text: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*arguments(text, "model.window=2"), "tracking=mlflow"]) == 0
    Path("sweep/0/model.safetensors").unlink()
    capsys.readouterr()
    assert main(["train", "sweep.resume=sweep"]) == 0
    assert "report      sweep/report.html" in capsys.readouterr().out


@OF_MLFLOW
def test_a_failed_job_has_a_failed_run(text: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from mlflow import MlflowClient

    fail_for(2, monkeypatch)
    assert main([*arguments(text, "seed=1,2"), "tracking=mlflow"]) == 1
    client = MlflowClient(f"sqlite:///{Path('mlflow.db').absolute()}")
    runs = {run.info.run_name: run for run in client.search_runs(["1"])}
    assert {name: run.info.status for name, run in runs.items()} == {
        "sweep-small": "FAILED",
        "seed=1": "FINISHED",
        "seed=2": "FAILED",
    }
    assert runs["seed=2"].data.tags["failure"] == "MemoryError: too much"
    assert runs["seed=2"].data.params["seed"] == "2"
    assert runs["sweep-small"].data.params["seed"] == "1,2"
    best = runs["seed=1"].info.run_id
    assert runs["sweep-small"].data.tags["nw2v.best_run"] == best
    logged = {artifact.path for artifact in client.list_artifacts(best)}
    assert {"loss_curve.png", "word_map.png"} <= logged
