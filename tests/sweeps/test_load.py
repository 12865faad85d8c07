import json
import math
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import nw2v
from nw2v.errors import InputError

from .synthetic import grid, sweep_of

FAILED = {"status": "FAILED", "failure": "DivergenceError: NaN", "metrics": None}


@pytest.fixture
def folder(tmp_path) -> Path:
    jobs = [*grid(model__window=[2, 5], seed=[1, 2]), {"model.window": 2, "seed": 3}]
    return sweep_of(tmp_path / "sweep", jobs, changes={3: FAILED}, parent_run="f" * 32)


def change(file: Path, **values) -> None:
    file.write_text(json.dumps({**json.loads(file.read_text()), **values}))


def test_one_row_a_job_typed(folder):
    frame = nw2v.sweeps.load(folder)
    assert frame["job"].tolist() == [0, 1, 2, 3, 4]
    assert frame["status"].tolist() == ["FINISHED"] * 3 + ["FAILED", "FINISHED"]
    assert frame["failure"].tolist()[3] == FAILED["failure"] and pd.isna(frame["failure"][0])
    assert frame["folder"][4] == str(folder / "4")
    kinds = {
        "model.window": "int64", "seed": "int64", "trainer.learning_rate": "float64",
        "trainer.deterministic": "bool", "analogy/accuracy": "float64", "seconds/total": "float64",
    }  # fmt: skip
    assert {name: str(frame[name].dtype) for name in kinds} == kinds
    assert frame["model.window"].tolist() == [2, 2, 5, 5, 2]
    assert frame["evaluation.analogies"][0] == ["nw2v"]
    assert math.isnan(frame["analogy/accuracy"][3])
    assert frame["seconds/total"][0] == frame["seconds/training"][0] + 0.75
    assert frame.attrs["swept"] == ["model.window", "seed"]
    assert (frame.attrs["metric"], frame.attrs["direction"]) == ("analogy/accuracy", "maximize")
    assert (frame.attrs["parent_run"], frame.attrs["name"]) == ("f" * 32, "sweep")
    assert frame.attrs["hosts"] == ["elsewhere"]


def test_values_that_some_jobs_lack(tmp_path):
    jobs: list[dict[str, Any]] = [
        {"loss.name": "naive_softmax", "loss.negatives": None},
        {"loss.name": "negative_sampling", "loss.negatives": 15},
    ]
    frame = nw2v.sweeps.load(sweep_of(tmp_path / "sweep", jobs))
    assert str(frame["loss.negatives"].dtype) == "Int64"
    assert frame["loss.negatives"].tolist() == [pd.NA, 15]


def settled(folder: Path, job: int, **values: Any) -> None:
    change(
        folder / str(job) / "job.json",
        settled={key.replace("__", "."): value for key, value in values.items()},
    )


def test_settings_that_were_left_unset_have_what_training_took(tmp_path):
    jobs = [{"model.window": window, "trainer.learning_rate": None} for window in (2, 5)]
    folder = sweep_of(tmp_path / "sweep", jobs, swept=["model.window"])
    for job in range(2):
        settled(folder, job, trainer__learning_rate=0.07, vocabulary_size=123)
    frame = nw2v.sweeps.load(folder)
    assert frame["trainer.learning_rate"].tolist() == [0.07, 0.07]
    assert frame["vocabulary_size"].tolist() == [123, 123]


def test_unset_values_that_were_swept_stay_so(tmp_path):
    jobs = grid(trainer__learning_rate=[None, 0.05], trainer__epochs=[5, 20], seed=[1, 2])
    folder = sweep_of(tmp_path / "sweep", jobs)
    for job, given in enumerate(jobs):
        rate = given["trainer.learning_rate"] or 0.25 / given["trainer.epochs"]
        settled(folder, job, trainer__learning_rate=rate)
    table = nw2v.sweeps.configurations(nw2v.sweeps.load(folder))
    assert table["seeds"].tolist() == [2, 2, 2, 2]


def test_jobs_on_machines_with_more_threads_are_no_configuration_of_their_own(tmp_path):
    jobs = grid(model__window=[2, 5], seed=[1, 2, 3, 4])
    unset = [{**one, "trainer.threads": None} for one in jobs]
    folder = sweep_of(tmp_path / "sweep", unset, swept=["model.window", "seed"])
    for job in range(8):
        settled(folder, job, trainer__threads=1 + job % 2)
    frame = nw2v.sweeps.load(folder)
    assert frame["trainer.threads"].tolist() == [1, 2] * 4
    assert nw2v.sweeps.configurations(frame)["seeds"].tolist() == [4, 4]
    threads = sweep_of(tmp_path / "threads", grid(trainer__threads=[1, 2], seed=[1, 2]))
    found = nw2v.sweeps.configurations(nw2v.sweeps.load(threads))
    assert found["seeds"].tolist() == [2, 2]


def test_jobs_of_a_version_that_recorded_no_defaults_join_the_others(tmp_path):
    jobs = [{"model.window": 2, "trainer.learning_rate": None, "seed": seed} for seed in range(4)]
    folder = sweep_of(tmp_path / "sweep", jobs, swept=["seed"])
    for job in (2, 3):
        settled(folder, job, trainer__learning_rate=0.05)
    frame = nw2v.sweeps.load(folder)
    assert frame["trainer.learning_rate"].isna().all()
    assert nw2v.sweeps.configurations(frame)["seeds"].tolist() == [4]


def test_a_metric_that_no_job_has_is_refused(folder):
    frame = nw2v.sweeps.load(folder)
    for function in (nw2v.sweeps.ranked, nw2v.sweeps.configurations, nw2v.sweeps.main_effects):
        with pytest.raises(InputError, match="did you mean valid/cross_entropy"):
            function(frame, "valid/cross_entropi")
    with pytest.raises(InputError, match=r"no job has a metric 'x': there are .*train/loss"):
        nw2v.sweeps.ranked(frame, "x")
    one = nw2v.sweeps.histories(folder, metrics="train/loss")
    assert one.columns.tolist() == ["job", "step", "train/loss"]


def test_curves_of_all_jobs(folder):
    frame = nw2v.sweeps.histories(folder)
    assert frame["job"].unique().tolist() == [0, 1, 2, 4]
    assert {str(frame[name].dtype) for name in ("job", "step")} == {"int64"}
    assert (frame.groupby("job").size() == 20).all()
    last = frame[frame["job"] == 2].iloc[-1]
    assert last["step"] == 1_000_000
    final = nw2v.sweeps.load(folder).set_index("job")["train/seconds"]
    assert last["train/seconds"] == pytest.approx(final[2])
    some = nw2v.sweeps.histories(folder, metrics=["valid/cross_entropy", "none"])
    assert list(some.columns) == ["job", "step", "valid/cross_entropy"]
    assert some["valid/cross_entropy"].notna().sum() == 4 * 5


def test_a_sweep_that_has_just_begun(tmp_path):
    frame = nw2v.sweeps.load(sweep_of(tmp_path / "sweep", []))
    assert len(frame) == 0 and frame["job"].dtype == "int64"
    assert nw2v.sweeps.histories(tmp_path / "sweep").empty
    (tmp_path / "sweep" / "0").mkdir()  # Its job.json is not there yet.
    assert len(nw2v.sweeps.load(tmp_path / "sweep")) == 0


def test_a_job_whose_process_has_vanished_is_not_running(folder):
    from nw2v.tracking.processes import process_tags

    alive = process_tags()
    gone = {**alive, "nw2v.process_started": "long ago"}
    change(folder / "0" / "job.json", status="RUNNING", process=alive)
    change(folder / "1" / "job.json", status="RUNNING", process=gone)
    frame = nw2v.sweeps.load(folder)
    assert frame["status"].tolist()[:2] == ["RUNNING", "KILLED"]
    assert frame["failure"][1] == "the process vanished"


def test_job_folders_may_have_names_of_their_own(folder):
    (folder / "1").rename(folder / "window=2")
    (folder / "deeper").mkdir()
    (folder / "0").rename(folder / "deeper" / "0")
    frame = nw2v.sweeps.load(folder)
    assert frame["job"].tolist() == [0, 1, 2, 3, 4]
    assert frame["folder"][1] == str(folder / "window=2")
    change(folder / "window=2" / "job.json", job="one")
    with pytest.raises(InputError, match="job is not a whole number"):
        nw2v.sweeps.load(folder)


def test_several_objectives(tmp_path):
    folder = sweep_of(
        tmp_path / "sweep", [{"seed": 1}], metric=["a", "b"], direction=["minimize", "maximize"]
    )
    frame = nw2v.sweeps.load(folder)
    assert frame.attrs["metrics"] == ["a", "b"]
    assert (frame.attrs["metric"], frame.attrs["direction"]) == ("a", "minimize")


def test_what_is_no_sweep(folder, tmp_path):
    for path, message in {
        tmp_path / "none": "no sweep .*none: give a sweep's folder or the MLflow run id",
        folder / "sweep.json": "is a file, not a sweep's folder",
        folder / "2": r"2 is one job of a sweep: give the sweep's folder, .*sweep$",
        tmp_path: "is not a sweep's folder: it has no sweep.json",
    }.items():
        with pytest.raises(InputError, match=message):
            nw2v.sweeps.load(path)
    (tmp_path / "metrics.json").write_text("{}")
    with pytest.raises(InputError, match="is the folder of one run, not of a sweep"):
        nw2v.sweeps.load(tmp_path)


@pytest.mark.parametrize(
    ("file", "text", "message"),
    [
        ("2/job.json", '{"job": 2,', r"2.job\.json is damaged \(Expecting"),
        ("2/job.json", "[]", r"2.job\.json is damaged \(it holds no mapping\)"),
        ("2/job.json", '{"version": 7}', r"2.job\.json has version 7, this nw2v reads version 1"),
        ("2/job.json", '{"status": "GONE"}', r"2.job\.json is damaged \(status is 'GONE', not one"),
        ("2/job.json", {"settings": 3}, r"settings is not what nw2v wri"),
        ("2/job.json", {"identity": None}, r"identity is not a text"),
        ("2/job.json", "[" * 100_000, r"2.job\.json is damaged"),
        ("2/job.json", b"\xff\xfe", r"2.job\.json is damaged"),
        ("2/metrics.json", '{"a": "b"}', r"2.metrics\.json is damaged \(a is not a number\)"),
        ("2/metrics.json", " " * 5_000_000, r"2.metrics\.json is damaged \(larger than 4,000,000"),
        ("sweep.json", "{}", r"sweep\.json is damaged \(it has no command\)"),
        ("sweep.json", {"metric": ["a", "b"]}, r"sweep\.json is damaged \(sweep.metric has 2 metr"),
        ("sweep.json", {"metric": "a"}, r"sweep\.json is damaged \(metric is not a list of texts"),
        ("sweep.json", {"swept": "x"}, r"sweep\.json is damaged \(swept is not a list of texts\)"),
    ],
)
def test_a_damaged_file_is_named(folder, file, text, message):
    if isinstance(text, dict):
        change(folder / file, **text)
    else:
        (folder / file).write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(InputError, match=message) as caught:
        nw2v.sweeps.load(folder)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 600


@pytest.mark.parametrize("text", ["", "a,b\n1,2\n", "step,x\n1,word\n", "step\n1\n2,3,4\n"])
def test_a_damaged_history_is_named(folder, text):
    (folder / "2" / "history.csv").write_text(text)
    with pytest.raises(InputError, match=r"2.history\.csv is damaged"):
        nw2v.sweeps.histories(folder)
