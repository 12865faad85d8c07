import json

import pytest

from nw2v.errors import InputError
from nw2v.tracking.run_argument import find_run
from nw2v.tracking.store import open_store
from nw2v.training.callbacks import Report

from .conftest import training_start

METRICS = {"train/seconds": 1.25, "train/loss": 2.5}


@pytest.fixture
def store(store_uri, experiment):
    return open_store(store_uri, experiment)


@pytest.fixture
def new_run(store):
    def make(tags=None, metrics=None, parameters=None, status="FINISHED") -> str:
        run_id = store.client.create_run(store.experiment_id, tags=tags or {}).info.run_id
        for key, value in (metrics or {}).items():
            store.client.log_metric(run_id, key, value)
        for key, value in (parameters or {}).items():
            store.client.log_param(run_id, key, value)
        store.client.set_terminated(run_id, status)
        return run_id

    return make


@pytest.fixture
def new_sweep(new_run):
    """Make a sweep of jobs with some score each; return its id and theirs."""

    def make(scores, parameters=None, tags=None, metric="analogy/accuracy"):
        parent = new_run({"nw2v.kind": "sweep", **(tags or {})}, parameters=parameters)
        jobs = [
            new_run({"mlflow.parentRunId": parent, "nw2v.job": str(number)}, {metric: score})
            for number, score in enumerate(scores)
        ]
        return parent, jobs

    return make


def test_a_run_by_its_id(new_run, store_uri, monkeypatch):
    run_id = new_run()
    found = find_run(run_id, store_uri)
    assert (found.run.info.run_id, found.uri, found.sweep) == (run_id, store_uri, None)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store_uri)
    assert find_run(run_id).run.info.run_id == run_id


@pytest.mark.parametrize("argument", ["outputs/yesterday", "x'; y"])
def test_what_is_no_run(argument, store_uri):
    with pytest.raises(InputError, match=r"no run '.*': expected an MLflow run id, or the output"):
        find_run(argument, store_uri)


def test_a_deleted_run(new_run, store, store_uri):
    run_id = new_run()
    store.client.delete_run(run_id)
    with pytest.raises(InputError, match=f"was deleted: restore it with 'mlflow .* {run_id}'"):
        find_run(run_id, store_uri)


def test_a_name_that_no_file_can_have(store_uri):
    with pytest.raises(InputError, match=r"cannot read .*: File name too long"):
        find_run("x" * 5000, store_uri)


def test_a_folder_that_no_run_wrote(store_uri, tmp_path):
    with pytest.raises(InputError, match=r"no run in the MLflow store .* give the store with"):
        find_run(str(tmp_path), store_uri)


def test_no_store(tmp_path):
    (tmp_path / "outputs").mkdir()
    for argument in ("outputs", "0" * 32):
        with pytest.raises(InputError, match=r"no MLflow run .*: there is no store .*mlflow\.db"):
            find_run(argument)
    assert [path.name for path in tmp_path.iterdir()] == ["outputs"]


@pytest.mark.parametrize("name", ["outputs", "bob's run"])
def test_an_output_folder(new_callback, store_uri, tmp_path, name):
    folder = tmp_path / name
    folder.mkdir()
    (folder / "model.safetensors").write_text("the vectors")
    ids = []
    for seconds in (1.25, 1.5):  # two runs into one folder: the second has replaced the model
        metrics = {**METRICS, "train/seconds": seconds}
        (folder / "metrics.json").write_text(json.dumps(metrics))
        with new_callback() as callback:
            callback.started(training_start())
            callback.finished(Report(1, 1, metrics))
            callback.log_outputs(folder)
        ids.append(callback.run_id)
    assert find_run(name, store_uri).run.info.run_id == ids[1]
    (folder / "metrics.json").write_text(json.dumps({**METRICS, "train/seconds": 3}))
    with pytest.raises(InputError, match=r"no run in the MLflow store .* wrote what is in .*/"):
        find_run(name, store_uri)
    (folder / "model.safetensors").unlink()  # what is left may be in the store
    assert find_run(name, store_uri).run.info.run_id == ids[1]


def test_the_best_job_of_a_sweep(new_run, new_sweep, store_uri):
    parent, jobs = new_sweep([0.25, 0.75, float("nan"), 0.75, 0.5])
    new_run({"mlflow.parentRunId": parent}, {"analogy/accuracy": 0.9}, status="FAILED")
    pruned = {"mlflow.parentRunId": parent, "nw2v.pruned": "2"}
    new_run(pruned, {"analogy/accuracy": 0.9})
    new_run({"mlflow.parentRunId": parent}, {"valid/loss": 1.0})
    found = find_run(parent, store_uri)
    assert (found.run.info.run_id, found.sweep) == (jobs[1], parent)


@pytest.mark.parametrize(
    ("metric", "direction"),
    [("valid/loss", "minimize"), ("['valid/loss', 'x']", "['minimize', 'maximize']")],
)
def test_the_sweeps_own_metric(new_sweep, store_uri, metric, direction):
    parameters = {"sweep.metric": metric, "sweep.direction": direction}
    parent, jobs = new_sweep([2.0, 1.0, 3.0], parameters, metric="valid/loss")
    assert find_run(parent, store_uri).run.info.run_id == jobs[1]


def test_the_best_job_that_the_sweep_has_named(new_run, new_sweep, store_uri):
    chosen = new_run()
    parent, _ = new_sweep([0.5], tags={"nw2v.best_run": chosen})
    assert find_run(parent, store_uri).run.info.run_id == chosen


def test_a_sweep_without_a_best_job(new_sweep, store_uri):
    parent, _ = new_sweep([])
    with pytest.raises(InputError, match=f"sweep {parent} has no finished job with the metric ana"):
        find_run(parent, store_uri)


def test_the_folders_of_a_sweep(new_sweep, store_uri, tmp_path):
    """What a sweep and a job write of themselves, the store included."""
    parent, jobs = new_sweep([0.25, 0.75])
    sweep, job = tmp_path / "multirun", tmp_path / "multirun" / "0"
    job.mkdir(parents=True)
    (sweep / "sweep.json").write_text(json.dumps({"parent_run": parent, "uri": store_uri}))
    (job / "job.json").write_text(json.dumps({"run_id": jobs[0]}))
    assert find_run("multirun").run.info.run_id == jobs[1]
    assert find_run("multirun/0").run.info.run_id == jobs[0]
    assert find_run("multirun/0", store_uri).uri == store_uri


def test_the_address_of_a_server_is_not_taken_from_a_file(tmp_path):
    folder = tmp_path / "multirun"
    folder.mkdir()
    stranger = {"parent_run": "0" * 32, "uri": "http://127.0.0.1:9"}
    (folder / "sweep.json").write_text(json.dumps(stranger))
    with pytest.raises(InputError, match=r"there is no store .*mlflow\.db"):
        find_run("multirun")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"parent_run": null}', "parent_run is null, no MLflow run id: only what was tracked"),
        ('{"parent_run": "../x"}', r'parent_run is "\.\./x", no MLflow run id'),
        ('{"parent_', r"sweep.json is damaged \(Unterminated"),
        ("[]", r"sweep.json is damaged \(it holds no mapping"),
    ],
)
def test_a_sweeps_file_that_does_not_help(tmp_path, store_uri, content, message):
    (tmp_path / "sweep.json").write_text(content)
    with pytest.raises(InputError, match=message):
        find_run(str(tmp_path), store_uri)


def test_a_comparison_is_no_run(new_run, store_uri):
    run_id = new_run({"nw2v.kind": "comparison"})
    with pytest.raises(InputError, match=f"{run_id} is a comparison, not a training run"):
        find_run(run_id, store_uri)
