"""A sweep read from an MLflow store alone."""

import json
import time
from types import SimpleNamespace

import pandas as pd
import pytest

import nw2v
from nw2v.cli import main
from nw2v.errors import InputError
from nw2v.sweeps.stored_values import stored_value

from .synthetic import COMMON, accuracy, grid, sweep_of

JOBS = grid(model__window=[2, 5], seed=[1, 2])


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """A parent run with six children: one failed, one pruned, and an older run of one job."""
    from mlflow.entities import Metric, Param, RunTag

    from nw2v.tracking.store import open_client, open_store

    folder = tmp_path_factory.mktemp("store")
    uri = f"sqlite:///{folder / 'mlflow.db'}"
    store = open_store(uri, "sweeps")
    client = open_client(uri)

    def run(name, tags, params, metrics, status):
        made = client.create_run(store.experiment_id, tags=tags, run_name=name)
        run_id = made.info.run_id
        now = int(time.time() * 1000)
        points = [
            Metric(key, value + loss, now, step)
            for step, loss in ((100, 1.0), (200, 0.0))
            for key, value in metrics.items()
        ]
        client.log_batch(
            run_id, points, [Param(key, str(value)) for key, value in params.items()],
            [RunTag("nw2v.host", "elsewhere")],
        )  # fmt: skip
        client.set_terminated(run_id, status, end_time=made.info.start_time + 5000)
        return run_id

    parent = run(
        "the sweep",
        {
            "nw2v.kind": "sweep",
            "nw2v.output_folder": str(folder / "sweep"),
            "nw2v.swept": json.dumps(["model.window", "seed"]),
        },
        {**COMMON, "sweep.metric": "analogy/accuracy", "sweep.direction": "maximize"},
        {},
        "FINISHED",
    )
    other = {**JOBS[3], "model.window": 10}
    children = []
    jobs = [(0, {**JOBS[0], "model.window": 9}), *enumerate([*JOBS, other])]
    for number, given in jobs:
        settings = {**COMMON, **given}
        tags = {"mlflow.parentRunId": parent, "nw2v.job": str(number)}
        tags |= {3: {"failure": "it diverged"}, 4: {"nw2v.pruned": "2"}}.get(number, {})
        metrics = {"analogy/accuracy": accuracy(settings), "train/seconds": 2.0 + number}
        metrics["train/loss"] = 3.0
        status = "FAILED" if number == 3 else "FINISHED"
        children.append(run(f"job {number}", tags, settings, metrics, status))
        time.sleep(0.002)  # The order of runs is that of their starts, in milliseconds.
    alone = run("alone", {}, {}, {}, "FINISHED")
    compared = run("compared", {"nw2v.kind": "comparison"}, {}, {}, "FINISHED")
    return SimpleNamespace(
        uri=uri, parent=parent, children=children, alone=alone, compared=compared,
        folder=folder, client=client,
    )  # fmt: skip


def test_the_store_alone_gives_the_table(stored):
    frame = nw2v.sweeps.load(stored.parent, uri=stored.uri)
    assert frame["job"].tolist() == [0, 1, 2, 3, 4]
    assert frame["status"].tolist() == ["FINISHED"] * 3 + ["FAILED", "PRUNED"]
    # The older run of job 0 is not taken.
    assert frame["run_id"].tolist() == stored.children[1:]
    assert frame["model.window"].tolist() == [2, 2, 5, 5, 10]
    assert frame["failure"][3] == "it diverged"
    for key, value in COMMON.items():
        if not isinstance(value, list) and value is not None and key != "model.window":
            assert frame[key][0] == value and type(frame[key][0].item() if hasattr(
                frame[key][0], "item") else frame[key][0]) is type(value)  # fmt: skip
    assert frame["corpus.path"].isna().all() and frame["evaluation.analogies"][0] == ["nw2v"]
    assert frame["analogy/accuracy"][2] == pytest.approx(accuracy({**COMMON, **JOBS[2]}))
    assert frame["seconds/training"].tolist() == [2.0, 3.0, 4.0, 5.0, 6.0]
    assert frame["seconds/total"].tolist() == [5.0] * 5 and frame["seconds/corpus"].isna().all()
    facts = frame.attrs
    assert facts["swept"] == ["model.window", "seed"] and facts["parent_run"] == stored.parent
    assert (facts["metric"], facts["direction"]) == ("analogy/accuracy", "maximize")
    assert facts["name"] == "the sweep" and facts["hosts"] == ["elsewhere"]


def test_a_run_whose_process_has_vanished_is_not_running():
    from nw2v.sweeps.stored import _job
    from nw2v.tracking.processes import process_tags

    def read(started):
        data = SimpleNamespace(
            tags={**process_tags(), "nw2v.process_started": started}, metrics={}, params={}
        )
        info = SimpleNamespace(status="RUNNING", start_time=1, end_time=None, run_id="0" * 32)
        return _job(0, SimpleNamespace(data=data, info=info))

    assert read(process_tags()["nw2v.process_started"]).status == "RUNNING"
    gone = read("long ago")
    assert (gone.status, gone.failure) == ("KILLED", "the process vanished")


def test_curves_from_the_store(stored):
    frame = nw2v.sweeps.histories(
        stored.parent, uri=stored.uri, metrics=["train/seconds", "not/measured"]
    )
    expected = pd.DataFrame(
        {
            "job": [0, 0, 1, 1, 2, 2, 3, 3, 4, 4],
            "step": [100, 200] * 5,
            "train/seconds": [3.0, 2.0, 4.0, 3.0, 5.0, 4.0, 6.0, 5.0, 7.0, 6.0],
        }
    )
    pd.testing.assert_frame_equal(frame, expected)
    everything = nw2v.sweeps.histories(stored.parent, uri=stored.uri)
    assert list(everything.columns) == ["job", "step", "train/loss", "train/seconds"]


def test_runs_that_are_no_sweeps(stored):
    for run_id, message in {
        stored.children[2]: f"is a job of a sweep: give its parent run, {stored.parent}",
        stored.alone: "is a single run, not the parent run of a sweep",
        stored.compared: "is a comparison, not the parent run of a sweep",
        "0" * 32: "no MLflow run '0+' in .*mlflow.db: give the id of one of its .*--uri",
    }.items():
        with pytest.raises(InputError, match=message):
            nw2v.sweeps.load(run_id, uri=stored.uri)
    with pytest.raises(InputError, match=r"there is no store .*none\.db"):
        nw2v.sweeps.load(stored.parent, uri=str(stored.folder / "none.db"))
    assert not (stored.folder / "none.db").exists()


def test_the_report_of_a_run_is_logged_to_it(stored, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert main(["sweep", "report", stored.parent, "--uri", stored.uri]) == 0
    printed = capsys.readouterr().out
    folder = tmp_path / f"sweep-{stored.parent[:8]}"
    assert (folder / "report.html").is_file() and "logged to   MLflow run" in printed
    logged = {item.path for item in stored.client.list_artifacts(stored.parent)}
    assert logged == {path.name for path in folder.iterdir()}
    assert {"sweep.csv", "report.html", "report.md", "main_effects.png", "curves.png"} <= logged
    assert stored.client.get_run(stored.parent).info.status == "FINISHED"


def test_the_sweeps_own_folder_gets_the_report(stored, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    own = sweep_of(stored.folder / "sweep", JOBS, parent_run=stored.parent, uri=stored.uri)
    assert main(["sweep", "report", stored.parent, "--uri", stored.uri]) == 0
    assert (own / "report.html").is_file() and not list(tmp_path.iterdir())
    # From the folder alone, the store is the one that its sweep.json names.
    assert main(["sweep", "report", str(own)]) == 0
    captured = capsys.readouterr()
    assert captured.out.count("logged to   MLflow run") == 2 and not captured.err


def test_a_store_that_cannot_be_written_does_not_cost_the_report(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    for uri, message in {
        str(tmp_path / "gone.db"): "there is no MLflow store",
        "https://me:secret@mlflow.example.org": (
            "the sweep's store is https://me:***@mlflow.example.org; to log there, give --uri"
        ),
    }.items():
        sweep = sweep_of(tmp_path / message[:9], JOBS, parent_run="0" * 32, uri=uri)
        assert main(["sweep", "report", str(sweep)]) == 0
        captured = capsys.readouterr()
        assert "report      " in captured.out and (sweep / "report.html").is_file()
        assert message in captured.err and captured.err.count("\n") == 1
    assert not (tmp_path / "gone.db").exists()


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("seed", 7), ("model.subsample", 1e-4), ("model.subsample", 0.0),
        ("trainer.deterministic", False), ("loss.negatives", None), ("loss.name", "naive_softmax"),
        ("corpus.path", "2020"), ("tracking.run_name", "12"), ("corpus.min_count", 5),
        ("evaluation.analogies", ["nw2v", "my own.txt"]), ("evaluation.similarity", []),
        ("corpus.words", "1 + 1"), ("corpus_tokens", 123456), ("later.key", "{'a': 1}"),
    ],
)  # fmt: skip
def test_values_become_what_they_were(key, value):
    again = stored_value(key, str(value))
    assert again == value and type(again) is type(value)
