import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from matplotlib.figure import Figure
from omegaconf import OmegaConf

from nw2v.errors import InputError
from nw2v.tracking.mlflow_callback import MlflowCallback
from nw2v.tracking.processes import process_tags
from nw2v.training.callbacks import Pruned, Report

from .conftest import history, opened, read, report, training_start


def artifacts(callback: MlflowCallback, folder: str = "") -> set[str]:
    return {item.path for item in opened(callback).client.list_artifacts(callback.run_id, folder)}


@pytest.fixture
def model_folder(tmp_path: Path) -> Path:
    folder = tmp_path / "outputs"
    (folder / ".hydra").mkdir(parents=True)
    (folder / ".hydra" / "config.yaml").write_text("seed: 1\n")
    for name in ("model.safetensors", "vocabulary.tsv", "metrics.json", "train.log", ".hidden"):
        (folder / name).write_text(name)
    return folder


def test_a_run_reads_back(new_callback, experiment, model_folder):
    configuration = {
        "seed": 1,
        "corpus": {"name": "kjv", "path": None, "min_count": 5},
        "trainer": {"name": "stream", "epochs": None, "learning_rate": 0.025},
        "evaluation.analogies": ["nw2v", "google"],
        "long": "x" * 7000,
        "tracking": {"uri": "postgresql://me:secret@db/mlflow"},
    }
    callback = new_callback(
        run_name="first",
        configuration=configuration,
        output_folder=model_folder,
        tags={"my": "tag"},
    )
    with callback:
        callback.start_connecting()
        callback.started(training_start())
        assert read(callback).info.status == "RUNNING"
        for step in (500, 1000, 1500):
            callback.step(report(step, loss=3 - step / 1000, words_per_second=1e6))
        callback.epoch(Report(2000, 1, {"valid/cross_entropy": 7.5, "analogy/a b/x": 0.25}))
        callback.finished(report(2000, loss=0.5))
        assert read(callback).info.status == "RUNNING"  # open as long as the block
        callback.log_outputs(model_folder, {"curve": Figure(), "map.svg": Figure()})
        callback.log_metrics({"analogy/accuracy": 0.5}, 2000)

    run = read(callback)
    assert run.info.status == "FINISHED"
    assert run.info.end_time >= run.info.start_time
    assert run.info.run_name == callback.run_name == "first"
    assert callback.store.experiment == experiment

    assert history(callback, "train/loss") == [(500, 2.5), (1000, 2.0), (1500, 1.5), (2000, 0.5)]
    assert history(callback, "valid/cross_entropy") == [(2000, 7.5)]
    assert history(callback, "analogy/a b/x") == [(2000, 0.25)]
    assert history(callback, "analogy/accuracy") == [(2000, 0.5)]

    parameters = run.data.params
    assert parameters.pop("long") == "x" * 6000
    assert parameters == {
        "seed": "1",
        "corpus.name": "kjv",
        "corpus.path": "None",
        "corpus.min_count": "5",
        "trainer.name": "stream",
        "trainer.epochs": "5",  # left unset: the default that training took
        "trainer.learning_rate": "0.025",
        "evaluation.analogies": "['nw2v', 'google']",
        "tracking.uri": "postgresql://me:***@db/mlflow",
        "vocabulary_size": "7",
        "corpus_tokens": "1000",
        "heldout_tokens": "20",
    }

    tags = run.data.tags
    for name, value in {
        "loss": "negative_sampling",
        "trainer": "stream",
        "corpus": "kjv",
        "corpus_fingerprint": "0123456789abcdef0123456789abcdef",
        "my": "tag",
        "nw2v.output_folder": str(model_folder),
        "mlflow.source.type": "LOCAL",
    }.items():
        assert tags[name] == value
    assert tags["mlflow.user"]

    (given,) = run.inputs.dataset_inputs
    assert given.dataset.name == "kjv"
    assert given.dataset.digest == "0123456789abcdef0123456789abcdef"
    assert json.loads(given.dataset.profile)["corpus_tokens"] == 1000
    assert {tag.key: tag.value for tag in given.tags} == {"mlflow.data.context": "training"}

    assert artifacts(callback) == {"config.yaml", "model", "curve.png", "map.svg"}
    assert artifacts(callback, "model") == {
        "model/model.safetensors",
        "model/vocabulary.tsv",
        "model/metrics.json",
    }
    written = callback.store.client.download_artifacts(callback.run_id, "config.yaml")
    resolved: Any = OmegaConf.to_container(OmegaConf.load(written))
    assert resolved["trainer"] == {"name": "stream", "epochs": 5, "learning_rate": 0.025}
    assert resolved["evaluation"]["analogies"] == ["nw2v", "google"]


def test_one_callback_for_several_trainings(new_callback):
    callback = new_callback()
    callback.started(training_start())
    callback.failed(ValueError("x"))
    first, first_name = callback.run_id, callback.run_name
    callback.started(training_start())
    callback.finished(report(1, loss=1.0))
    assert callback.run_id != first
    assert callback.run_name != first_name
    assert read(callback).info.status == "FINISHED"
    assert opened(callback).client.get_run(first).info.status == "FAILED"


@pytest.mark.parametrize(("vectors", "expected"), [("all", True), ("best", True), ("none", False)])
def test_whether_the_vectors_are_logged(new_callback, model_folder, vectors, expected):
    callback = new_callback(vectors=vectors)
    with callback:
        callback.started(training_start())
        callback.log_outputs(model_folder)
    logged = artifacts(callback, "model")
    assert ("model/model.safetensors" in logged) == expected
    assert "model/vocabulary.tsv" in logged


class TestEnds:
    def test_an_interrupted_run_is_killed(self, new_callback):
        callback = new_callback()
        callback.started(training_start())
        callback.failed(KeyboardInterrupt())
        run = read(callback)
        assert run.info.status == "KILLED"
        assert run.data.tags["failure"] == "KeyboardInterrupt"

    def test_a_failed_run_says_why(self, new_callback):
        callback = new_callback()
        callback.started(training_start())
        callback.step(report(1, loss=2.0))
        callback.failed(FloatingPointError("the loss became NaN at step 7"))
        run = read(callback)
        assert run.info.status == "FAILED"
        assert run.data.tags["failure"] == "FloatingPointError: the loss became NaN at step 7"
        assert history(callback, "train/loss") == [(1, 2.0)]

    def test_a_pruned_run_is_finished_and_says_how_far_it_came(self, new_callback):
        callback = new_callback()
        with callback:
            callback.started(training_start())
            callback.failed(Pruned(2))
        run = read(callback)
        assert run.info.status == "FINISHED"
        assert run.data.tags["nw2v.pruned"] == "2"
        assert "failure" not in run.data.tags

    def test_what_was_learnt_before_is_logged(self, new_callback, model_folder):
        callback = new_callback(output_folder=model_folder)
        with pytest.raises(KeyboardInterrupt), callback:
            callback.started(training_start())
            callback.failed(KeyboardInterrupt())
            raise KeyboardInterrupt
        assert read(callback).info.status == "KILLED"
        assert "model/model.safetensors" in artifacts(callback, "model")

    @pytest.mark.parametrize(
        ("error", "status"),
        [
            (ValueError("no room on the disk"), "FAILED"),
            (KeyboardInterrupt(), "KILLED"),
            (SystemExit(2), "FAILED"),
            (SystemExit(0), "FINISHED"),
        ],
    )
    def test_a_block_that_is_left_after_the_training(self, new_callback, error, status):
        callback = new_callback()
        with pytest.raises(type(error)), callback:
            callback.started(training_start())
            callback.finished(report(1))
            raise error
        assert read(callback).info.status == status

    def test_in_a_block_the_end_of_training_raises_nothing(
        self, new_callback, model_folder, monkeypatch
    ):
        def fail(*arguments):
            raise InputError("the store has gone")

        monkeypatch.setattr("nw2v.tracking.mlflow_callback.open_destination", fail)
        callback = new_callback()
        with pytest.raises(InputError, match="the store has gone"), callback:
            callback.started(training_start())
            callback._wait_for_run()
            callback.finished(report(1))
            was_saved = True
            callback.log_outputs(model_folder)
        assert was_saved

    def test_a_block_that_swallows_the_failure_of_the_training(self, new_callback):
        callback = new_callback()
        with callback:
            callback.started(training_start())
            callback.failed(ValueError("x"))
        assert read(callback).info.status == "FAILED"

    def test_a_block_without_training_leaves_no_run(self, new_callback):
        callback = new_callback()
        with pytest.raises(ZeroDivisionError), callback:
            callback.connect()
            1 / 0  # noqa: B018
        assert callback.run_id is None
        assert callback.store.client.search_runs([callback.store.experiment_id]) == []

    def test_outputs_may_come_after_the_end(self, new_callback, model_folder):
        callback = new_callback()
        callback.started(training_start())
        callback.finished(report(1))
        callback.log_outputs(model_folder)
        assert "model/model.safetensors" in artifacts(callback, "model")
        assert read(callback).info.status == "FINISHED"

    def test_a_picture_that_fails_is_a_warning(self, new_callback, caplog):
        class Broken(Figure):
            def savefig(self, *arguments, **options):
                raise ValueError("no ink")

        callback = new_callback()
        with callback:
            callback.started(training_start())
            callback.log_outputs(None, {"a": Broken(), "b": Broken(), "c": Figure()})
        assert artifacts(callback) == {"config.yaml", "c.png"}
        assert caplog.messages == [f"MLflow run {callback.run_id} lacks a.png, b.png (no ink)"]
        assert read(callback).info.status == "FINISHED"


class TestPlace:
    def test_an_error_of_the_background_is_raised_where_it_is_waited_for(self):
        callback = MlflowCallback(uri="http://127.0.0.1:9")
        callback.start_connecting()
        with pytest.raises(InputError, match=r"127\.0\.0\.1:9 does not work"):
            callback.started(training_start())

    def test_bad_settings_are_refused_at_once(self):
        with pytest.raises(InputError, match=r"tracking\.vectors='some'"):
            MlflowCallback(vectors="some")
        with pytest.raises(InputError, match="file store"):
            MlflowCallback(uri="file:mlruns").start_connecting()

    def test_the_commit_of_the_working_directory(self, new_callback, tmp_path):
        def git(*arguments: str) -> str:
            identity = ["-c", "user.name=a", "-c", "user.email=a@b.c"]
            command = ["git", *identity, *arguments]
            return subprocess.run(command, check=True, capture_output=True, text=True).stdout

        (tmp_path / "file").write_text("1")
        git("init", "-q")
        git("add", "file")
        git("commit", "-q", "-m", "first")
        callback = new_callback()
        callback.started(training_start())
        callback.finished(report(1))
        tags = read(callback).data.tags
        assert tags["mlflow.source.git.commit"] == git("rev-parse", "HEAD").strip()
        assert tags["mlflow.source.git.dirty"] == "false"


class TestVanishedRuns:
    def test_a_run_whose_process_is_gone_is_killed_by_the_next(self, new_callback, experiment):
        first = new_callback()
        first.connect()
        gone = subprocess.Popen([sys.executable, "-c", ""])
        gone.wait()
        kinds = {
            "gone": {"nw2v.pid": str(gone.pid)},
            "number used again": {"nw2v.process_started": "long ago"},
            "alive": {},
            "elsewhere": {"nw2v.host": "elsewhere", "nw2v.pid": str(gone.pid)},
            "other container": {"nw2v.machine": "other", "nw2v.pid": str(gone.pid)},
        }
        runs = {
            kind: first.store.client.create_run(
                first.store.experiment_id, tags=process_tags() | tags
            ).info.run_id
            for kind, tags in kinds.items()
        }
        not_ours = first.store.client.create_run(first.store.experiment_id).info.run_id
        new_callback().connect()

        def status(run_id: str) -> str:
            return first.store.client.get_run(run_id).info.status

        assert {kind: status(run_id) for kind, run_id in runs.items()} == {
            "gone": "KILLED",
            "number used again": "KILLED",
            "alive": "RUNNING",
            "elsewhere": "RUNNING",
            "other container": "RUNNING",
        }
        assert status(not_ours) == "RUNNING"
        tags = first.store.client.get_run(runs["gone"]).data.tags
        assert tags["failure"] == "the process vanished"


_START = """
import os, sys
sys.path.insert(0, {root!r})
from tests.tracking.conftest import training_start
from nw2v.tracking.mlflow_callback import MlflowCallback
callback = MlflowCallback()
assert "mlflow" not in sys.modules
callback.started(training_start())
callback.log_metrics({{"train/loss": 1.5}}, 10)
assert callback.run_id is not None  # waits for it
callback.epoch(type("Report", (), {{"metrics": {{}}, "step": 10}}))
callback._metrics._sending.join()
print(callback.run_id, flush=True)
{end}
"""


def test_two_processes_start_at_once_on_a_new_store_and_are_not_properly_ended(tmp_path):
    """One vanishes, the other ends without having ended its run."""
    root = str(Path(__file__).parents[2])
    environment = {key: value for key, value in os.environ.items() if "MLFLOW" not in key}
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", _START.format(root=root, end=end)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=environment,
        )
        for end in ("os._exit(0)", "")
    ]
    output = [process.communicate(timeout=300) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], output
    assert [error for _, error in output] == ["", ""]  # nothing on the terminal
    vanished, left_open = (out.strip() for out, _ in output)
    assert {path.name for path in tmp_path.iterdir()} == {"mlflow.db", "mlartifacts"}

    callback = MlflowCallback(uri=tmp_path / "mlflow.db")
    callback.connect()
    client = opened(callback).client
    assert [e.name for e in client.search_experiments()] == ["nw2v", "Default"]
    for run_id in (vanished, left_open):
        run = client.get_run(run_id)
        assert run.info.status == "KILLED"
        assert run.data.metrics == {"train/loss": 1.5}
    assert client.get_run(vanished).data.tags["failure"] == "the process vanished"
    assert client.get_run(left_open).data.tags["failure"] == (
        "KeyboardInterrupt: the program ended before the run did"
    )
