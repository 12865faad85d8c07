from typing import Any

import pytest

from nw2v.tracking.run_content import FailedStart, default_run_name

from .conftest import read, report, training_start


def test_a_corpus_of_a_file_is_known_by_its_path(new_callback, tmp_path):
    import mlflow.data

    callback = new_callback(configuration={"corpus": {"path": "my text.txt"}})
    callback.started(training_start())
    callback.finished(report(1))
    (given,) = read(callback).inputs.dataset_inputs
    source: Any = mlflow.data.get_source(given.dataset)
    assert source.uri == (tmp_path / "my text.txt").as_uri()


def test_without_a_configuration_the_settings_are_the_parameters(new_callback):
    callback = new_callback()
    callback.started(training_start())
    callback.finished(report(1))
    run = read(callback)
    assert run.info.status == "FINISHED"
    assert {
        "dim": "3",
        "epochs": "5",
        "loss": "negative_sampling",
    }.items() <= run.data.params.items()


@pytest.mark.parametrize(
    ("default", "windows", "name"),
    [
        ("seed=1", None, "seed=1"),
        ("seed=1", 1, "seed=1"),
        ("seed=1", 16, "seed=1-batch-16"),
        ("batch_windows=16 seed=1", 16, "batch_windows=16 seed=1"),
        ("batch_windows=160", 16, "batch_windows=160-batch-16"),
    ],
)
def test_a_name_says_once_how_many_windows_share_a_step(default, windows, name):
    assert default_run_name(default, FailedStart({"batch_windows": windows}, {})) == name
