import json
from pathlib import Path

import pytest

from nw2v.errors import InputError
from nw2v.tracking.runs import find_model_folder
from nw2v.training.callbacks import Report

from .conftest import training_start

METRICS = {"train/seconds": 1.25, "train/loss": 2.5, "valid/loss": 3.5}


@pytest.fixture
def output_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "outputs"
    folder.mkdir()
    (folder / "model.safetensors").write_text("the vectors")
    (folder / "vocabulary.tsv").write_text("a\t1\n")
    (folder / "metrics.json").write_text(json.dumps(METRICS))
    return folder


def logged_run(callback, folder: Path | None) -> str:
    with callback:
        callback.started(training_start())
        callback.finished(Report(1, 1, METRICS))
        if folder is not None:
            callback.log_outputs(folder)
    return callback.run_id


def test_the_model_of_a_run(new_callback, store_uri, output_folder, monkeypatch):
    run_id = logged_run(new_callback(), output_folder)
    (output_folder / "model.safetensors").unlink()
    found = find_model_folder(run_id, store_uri)
    assert (found / "model.safetensors").read_text() == "the vectors"
    assert (found / "vocabulary.tsv").is_file()
    assert found.is_relative_to(
        Path(store_uri.removeprefix("sqlite:///")).parent / "mlartifacts"
    )  # no copy
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store_uri)
    assert find_model_folder(run_id) == found


def test_a_run_without_its_vectors_is_found_in_its_output_folder(
    new_callback, store_uri, output_folder
):
    callback = new_callback(vectors="none", configuration={"tracking": {"vectors": "none"}})
    run_id = logged_run(callback, output_folder)
    assert find_model_folder(run_id, store_uri) == output_folder
    # Another run has written to the folder in the meantime.
    (output_folder / "metrics.json").write_text(json.dumps(METRICS | {"train/seconds": 1.5}))
    with pytest.raises(InputError, match=r"no vectors in .*tracking.vectors=none\), nor are they"):
        find_model_folder(run_id, store_uri)
    (output_folder / "metrics.json").write_text("no JSON")
    with pytest.raises(InputError, match=r"no vectors in"):
        find_model_folder(run_id, store_uri)


def test_a_run_that_was_stopped_before_it_had_vectors(new_callback, store_uri):
    run_id = logged_run(new_callback(), None)
    with pytest.raises(InputError, match=r"has no vectors in .* \(status FINISHED\)$"):
        find_model_folder(run_id, store_uri)


def test_the_artifacts_of_a_store_that_was_moved(new_callback, store_uri, output_folder, tmp_path):
    callback = new_callback(vectors="none")
    run_id = logged_run(callback, None)
    moved = (
        Path(store_uri.removeprefix("sqlite:///")).parent
        / "mlartifacts"
        / run_id
        / "artifacts"
        / "model"
    )
    moved.mkdir(parents=True)
    (output_folder / "model.safetensors").rename(moved / "model.safetensors")
    callback.store.client.set_tag(run_id, "nw2v.output_folder", str(tmp_path / "gone"))
    assert find_model_folder(run_id, store_uri) == moved


@pytest.mark.parametrize("run_id", ["0" * 32, "../x", ""])
def test_no_such_run(store_uri, run_id):
    with pytest.raises(InputError, match="no MLflow run"):
        find_model_folder(run_id, store_uri)


def test_no_store(tmp_path):
    with pytest.raises(InputError, match=r"there is no store .*mlflow\.db; go to the folder"):
        find_model_folder("0" * 32, "mlflow.db")
    assert list(tmp_path.iterdir()) == []


def test_a_run_on_a_server(new_callback, ui, output_folder, capsys):
    server = ui.partition("/#")[0]
    callback = new_callback(uri=server)
    run_id = logged_run(callback, output_folder)
    assert callback.store.client.get_run(run_id).info.status == "FINISHED"
    assert callback.run_url == (
        f"{server}/#/experiments/{callback.store.experiment_id}/runs/{run_id}"
        "?workflowType=machine_learning"
    )
    found = find_model_folder(run_id, server)
    assert (found / "model.safetensors").read_text() == "the vectors"
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "")
