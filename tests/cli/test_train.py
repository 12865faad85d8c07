"""Tests of `nw2v train` from the command line to the files of a run."""

from __future__ import annotations

import json
import logging
import os
import shutil
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hydra
import numpy as np
import pytest
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from omegaconf import DictConfig, OmegaConf

import nw2v
from nw2v.cli import COMMANDS, main
from nw2v.cli import train as train_module
from nw2v.cli.configuration import config_folder

QUICK = [
    "model.dim=16",
    "trainer.epochs=2",
    "trainer.threads=1",
    "corpus.min_count=1",
    # All words of so small a text are frequent.
    "model.subsample=0",
    "evaluation.subsample=0",
]
# MLflow's own imports warn of each other.
OF_MLFLOW = pytest.mark.filterwarnings("ignore")


@pytest.fixture
def in_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """An empty working directory; texts are cached for the whole session."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return tmp_path


def arguments(text: Path, *more: str) -> list[str]:
    return ["train", "corpus=file", f"corpus.path={text}", "tracking=none", *QUICK, *more]


def only_folder(path: Path) -> Path:
    (folder,) = path.glob("*/*")
    return folder


def test_hydra_composes_a_single_run_once(
    text: Path, in_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    composed: list[list[str]] = []
    original = ConfigLoaderImpl.load_configuration
    within: list[DictConfig] = []

    def check(config: DictConfig) -> None:
        # What is composed while the job runs is composed.
        within.append(hydra.compose("train", ["model.dim=77"]))
        job(config)

    job = train_module.train_job
    monkeypatch.setattr(train_module, "train_job", check)

    def load_configuration(self: ConfigLoaderImpl, *args: Any, **kwargs: Any) -> DictConfig:
        composed.append(kwargs["overrides"])
        return original(self, *args, **kwargs)

    monkeypatch.setattr(ConfigLoaderImpl, "load_configuration", load_configuration)
    given = arguments(text, "hydra.run.dir=out", "hydra.job.name=mine", "seed=3")
    assert main(given) == 0
    assert composed == [given[1:], ["model.dim=77"]] and within[0].model.dim == 77
    # What Hydra does with it, it does: its own settings, the files it writes, the job's log.
    assert {path.name for path in (in_folder / "out").iterdir()} >= {"mine.log", "metrics.json"}
    own = OmegaConf.load(in_folder / "out" / ".hydra" / "config.yaml")
    assert (own.seed, own.model.dim) == (3, 16) and "hydra" not in own
    hydras = OmegaConf.load(in_folder / "out" / ".hydra" / "hydra.yaml").hydra
    assert hydras.mode == "RUN" and hydras.runtime.output_dir == str(in_folder / "out")
    assert OmegaConf.load(in_folder / "out" / ".hydra" / "overrides.yaml") == [
        word for word in given[1:] if not word.startswith("hydra.")
    ]


@pytest.mark.parametrize(
    "steps", [["trainer.optimizer=lbfgs"], ["trainer.center_order=weight", "trainer.optimizer=sgd"]]
)
def test_exact_training_has_several_ways_to_make_steps(
    steps: list[str], text: Path, in_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    exact = ["loss=naive_softmax", "trainer=cooccurrence", "evaluation.vectors=sum"]
    assert main(arguments(text, *exact, *steps)) == 0
    metrics = nw2v.load(only_folder(in_folder / "outputs")).metrics
    assert metrics["train/loss"] > 0
    assert "pass 2" in capsys.readouterr().err


def test_a_run_leaves_a_model_and_a_summary(
    text: Path, in_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments(text)) == 0
    folder = only_folder(in_folder / "outputs")
    names = {path.name for path in folder.iterdir()}
    assert {"model.safetensors", "vocabulary.tsv", "metrics.json", ".hydra"} <= names
    assert {path.name for path in in_folder.iterdir()} == {"outputs"}
    model = nw2v.load(folder)
    assert model.center_vectors.shape == (len(model.vocabulary), 16)
    metrics = json.loads((folder / "metrics.json").read_text())
    assert {"train/loss", "valid/cross_entropy", "valid/cross_entropy_unigram"} <= set(metrics)
    captured = capsys.readouterr()
    for expected in (
        "training loss",
        "held-out cross-entropy",
        "word frequencies alone",
        str(folder.relative_to(in_folder)),
    ):
        assert expected in captured.out
    assert "training: pass 2" in captured.err
    assert "MLflow" not in captured.out
    assert logging.getLogger().level == logging.WARNING


@pytest.mark.parametrize("loss", ["negative_sampling", "naive_softmax"])
def test_both_losses_train(loss: str, text: Path, in_folder: Path) -> None:
    assert main(arguments(text, f"loss={loss}", "trainer.epochs=5")) == 0
    metrics = json.loads((only_folder(in_folder / "outputs") / "metrics.json").read_text())
    assert metrics["valid/cross_entropy"] < metrics["valid/cross_entropy_unigram"]


def test_the_same_seed_gives_the_same_model(text: Path, in_folder: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        assert main(arguments(text, f"hydra.run.dir={name}", f"seed={seed}")) == 0
    first, same, other = (nw2v.load(name).center_vectors for name in "abc")
    assert np.array_equal(first, same)
    assert not np.array_equal(first, other)


def test_evaluation_sets_are_scored_on_the_vectors_that_are_named(
    text: Path, in_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("fruit.txt").write_text(": fruit\nking queen man woman\n")
    Path("likeness.tsv").write_text("apple\tpear\t9\nking\tpear\t1\nking\tqueen\t8\n")
    sets = ["evaluation.analogies=[fruit.txt]", "evaluation.similarity=[likeness.tsv]"]
    assert main(arguments(text, *sets, "evaluation.vectors=sum", "hydra.run.dir=run")) == 0
    assert "analogies fruit" in capsys.readouterr().out
    recorded = json.loads(Path("run/metrics.json").read_text())
    given = ["--analogies", "fruit.txt", "--similarity", "likeness.tsv", "--vectors", "sum"]
    assert main(["evaluate", "run", *given, "--json"]) == 0
    scored = json.loads(capsys.readouterr().out)["metrics"]
    assert scored and {name: recorded[name] for name in scored} == pytest.approx(scored)


def test_a_sweep_has_a_folder_for_each_job(
    text: Path, in_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments(text, "-m", "model.dim=4,8", "hydra.sweep.dir=sweep")) == 0
    shapes = [nw2v.load(f"sweep/{job}").center_vectors.shape[1] for job in (0, 1)]
    assert shapes == [4, 8]
    assert "near " not in capsys.readouterr().out


def test_a_job_returns_the_metric_to_optimise(
    text: Path, in_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    returned: list[Any] = []
    original = train_module.train_job

    def job(config: Any) -> Any:
        returned.append(original(config))
        return returned[-1]

    monkeypatch.setattr(train_module, "train_job", job)
    key = "valid/cross_entropy"
    assert main(arguments(text, f"sweep.metric={key}", "hydra.run.dir=run")) == 0
    assert returned == [json.loads(Path("run/metrics.json").read_text())[key]]


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (["corpus.path=no/such.txt"], "corpus.path=no/such.txt: no such file or folder"),
        (["corpus.path=null"], "corpus=file needs corpus.path=FILE_OR_FOLDER"),
        (
            ["corpus=docstrings"],
            "corpus.path={text} and corpus=docstrings are two texts: "
            "write corpus=file corpus.path={text}, or leave the path out",
        ),
        (["model.dim=0"], "model.dim=0: expected a whole number from 1 to 10,000"),
        (["model.dims=1"], "no configuration key 'model.dims'; did you mean model.dim?"),
        (["-m", "model.dim=4,0"], "model.dim=0: expected a whole number from 1 to 10,000"),
        (["corpus.words=leters"], None),
        (
            ["sweep.metric=[a,b]"],
            "sweep.metric has 2 metrics and sweep.direction 1 directions: give one for each, as in "
            "sweep.metric=[a,b] sweep.direction=[maximize,minimize]",
        ),
        (["sweep.direction=up"], None),
        (["evaluation.analogies=[no.txt]"], None),
        (["evaluation.similarity=[no.txt]"], None),
        (["tracking=mlflow", "tracking.uri=file:mlruns"], None),
        (["trainer.min_learning_rate=0.5", "trainer.learning_rate=0.1"], None),
    ],
)
def test_what_is_wrong_is_found_before_any_work(
    wrong: list[str],
    message: str | None,
    text: Path,
    in_folder: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(arguments(text, *wrong)) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("nw2v: error: ") and captured.err.count("\n") == 1
    if message is not None:
        assert captured.err == f"nw2v: error: {message.format(text=text)}\n"
    assert not captured.out
    assert list(in_folder.iterdir()) == []


@pytest.mark.parametrize(
    ("content", "more"),
    [
        (b"", []),
        (b"one two three\n", ["corpus.min_count=5"]),
        (b"same same same same same same\n" * 20, []),
        (b"good line\nbad \xff\xfe line\n" * 50, []),
    ],
)
def test_texts_that_cannot_be_trained_on(
    content: bytes, more: list[str], in_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = in_folder / "bad.txt"
    path.write_bytes(content)
    assert main(arguments(path, *more)) == 2
    captured = capsys.readouterr()
    assert captured.err.splitlines()[-1].startswith("nw2v: error: ")
    assert "Traceback" not in captured.err and "Error executing job" not in captured.err


def test_bytes_that_are_not_utf8_may_be_replaced(text: Path, in_folder: Path) -> None:
    path = in_folder / "bytes.txt"
    path.write_bytes(text.read_bytes() + b"bad \xff\xfe line\n" * 50)
    assert main(arguments(path, "corpus.encoding_errors=replace")) == 0


def test_a_loss_that_explodes_is_said_in_one_line(
    text: Path, in_folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from nw2v.training import DivergenceError

    def explode(*args: object, **options: object) -> None:
        raise DivergenceError("the training loss became nan before step 10")

    monkeypatch.setattr("nw2v.api.train", explode)
    assert main(arguments(text)) == 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert last == "nw2v: error: the training loss became nan before step 10"


def test_a_failure_of_a_job_is_told_once_and_apart_from_the_folders(
    text: Path, in_folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*args: object, **options: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("nw2v.api.train", full)
    assert main(arguments(text)) == 1
    err = capsys.readouterr().err
    assert err.splitlines()[-1].startswith("nw2v: error: OSError: [Errno 28] No space left")
    assert "Error executing job" not in err


def test_a_job_that_fails_does_not_stop_the_others(
    text: Path, in_folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    import nw2v.api

    original = nw2v.api.train

    def sometimes(*args: Any, **options: Any) -> nw2v.Model:
        if options["seed"] == 2:
            raise MemoryError("too much")
        return original(*args, **options)

    monkeypatch.setattr("nw2v.api.train", sometimes)
    sweep = ["-m", "seed=1,2,3", "trainer.epochs=1", "hydra.sweep.dir=sweep"]
    assert main(arguments(text, *sweep)) == 1
    err = capsys.readouterr().err
    assert "job 1 failed: too much" in err
    assert err.splitlines()[-1].startswith("nw2v: error: job 1 failed (MemoryError: too much)")
    assert [Path(f"sweep/{job}/model.safetensors").exists() for job in range(3)] == [
        True,
        False,
        True,
    ]
    assert "Traceback" in Path("sweep/1/train.log").read_text()


def test_an_output_folder_that_cannot_be_made(
    text: Path, in_folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("file").write_text("")
    assert main(arguments(text, "hydra.run.dir=file/run")) == 2
    expected = f"cannot write the output folder {in_folder}/file/run: {in_folder}/file is a file"
    assert capsys.readouterr().err == f"nw2v: error: {expected}\n"
    # What the check cannot foresee is told in the same way when it happens.
    monkeypatch.setattr(train_module, "check_output_folder", lambda line, config: None)
    assert main(arguments(text, "hydra.run.dir=file/run")) == 2
    assert "cannot write the output folder" in capsys.readouterr().err


def test_what_was_learnt_is_saved_when_interrupted(
    text: Path, in_folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from nw2v.training.progress import ProgressBar

    def interrupt(self: ProgressBar, report: object) -> None:
        if report.epoch == 1:  # type: ignore[attr-defined]
            os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(ProgressBar, "epoch", interrupt)
    assert main(arguments(text, "hydra.run.dir=run")) == 130
    assert nw2v.load("run").center_vectors.any()
    err = capsys.readouterr().err.splitlines()
    assert err[-2:] == [
        f"interrupted: what was learnt so far is in {in_folder / 'run'}",
        "nw2v: interrupted",
    ]


def test_nothing_is_saved_when_nothing_was_learnt(
    text: Path, in_folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from nw2v.training.progress import ProgressBar

    def interrupt(self: ProgressBar, start: object) -> None:
        os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(ProgressBar, "started", interrupt)
    assert main(arguments(text, "hydra.run.dir=run")) == 130
    assert not (in_folder / "run" / "model.safetensors").exists()
    err = capsys.readouterr().err
    assert "what was learnt" not in err and err.splitlines()[-1] == "nw2v: interrupted"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_standard_output_is_no_failed_training(text: Path, in_folder: Path) -> None:
    words = arguments(text, "hydra.run.dir=run")
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "nw2v", *words],
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        "nw2v: error: standard output cannot be written: No space left on device"
    )
    assert "failed" not in (in_folder / "run" / "train.log").read_text()
    assert nw2v.load("run").center_vectors.any()


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        (["--help"], "nw2v train: train word vectors"),
        (["--cfg", "job"], "corpus:\n  name: docstrings\n"),
        (["--cfg", "job", "model.dim=0"], "  dim: 0\n"),
        (["--cfg", "job", "--package", "loss"], "negatives: 5"),
        (["--info", "searchpath"], str(config_folder())),
        (["--hydra-help"], "Hydra ("),
        (["-sc", "install=bash"], "complete "),
    ],
)
def test_what_hydra_prints(
    flags: list[str], expected: str, in_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", *flags]) == 0
    assert expected in capsys.readouterr().out
    assert list(in_folder.iterdir()) == []


def test_hydra_prints_a_configuration_of_ones_own(
    in_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(config_folder(), "own")
    assert main(["train", "--config-path=own", "--info", "searchpath"]) == 0
    assert f"file://{in_folder / 'own'} " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("nw2v tr", set(COMMANDS)),
        ("nw2v ", set(COMMANDS)),
        ("nw2v train model.d", {"model.dim="}),
        ("nw2v train loss=", {"loss=naive_softmax", "loss=negative_sampling"}),
        ("/opt/train/nw2v train -m loss=nai", {"loss=naive_softmax"}),
        ("nw2v neighbors x", set()),
    ],
)
def test_tab_completion(
    line: str, words: set[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COMP_LINE", line)
    assert main(["-sc", "query=bash"]) == 0
    assert set(capsys.readouterr().out.split()) == words


def test_an_unknown_shell(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["-sc", "install=cmd"]) == 2
    assert capsys.readouterr().err.startswith("nw2v: error: No completion plugin for 'cmd' found")


def test_process_state_is_as_before(
    text: Path, in_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = logging.getLogger()
    before = (list(sys.argv), root.level, [*root.handlers], os.environ.get("HYDRA_FULL_ERROR"))
    assert main(arguments(text)) == 0
    after = (list(sys.argv), root.level, [*root.handlers], os.environ.get("HYDRA_FULL_ERROR"))
    assert before == after


def run_nw2v(*words: str, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "nw2v", *words],
        capture_output=True,
        text=True,
        check=False,
        **options,
    )


def test_without_tracking_mlflow_is_never_imported(text: Path, in_folder: Path) -> None:
    code = textwrap.dedent(
        f"""
        import sys
        from nw2v.cli import main
        status = main({arguments(text)!r})
        print("STATUS", status, "mlflow" in sys.modules)
        """
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.splitlines()[-1] == "STATUS 0 False", done.stderr


@pytest.fixture(scope="module")
def tracked(text: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder and the output of a process that tracked a run in it."""
    folder = tmp_path_factory.mktemp("tracked")
    environment = {key: value for key, value in os.environ.items() if "MLFLOW" not in key}
    words = [word for word in arguments(text, "hydra.run.dir=run") if word != "tracking=none"]
    done = run_nw2v(*words, "tracking.run_name=first", cwd=folder, env=environment)
    assert done.returncode == 0, done.stderr
    return folder, done.stdout


def only_run(folder: Path) -> tuple[Any, Any]:
    """The client of a folder's store and the one run in it."""
    import mlflow

    client = mlflow.MlflowClient(f"sqlite:///{folder / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("nw2v")
    assert experiment is not None
    (run,) = client.search_runs([experiment.experiment_id])
    return client, run


def test_a_tracked_run_says_where_it_is(tracked: tuple[Path, str]) -> None:
    folder, out = tracked
    assert (folder / "mlflow.db").is_file()
    assert "experiment nw2v, run first (" in out
    assert "nw2v ui" in out


@OF_MLFLOW
def test_a_tracked_run_reads_back(
    tracked: tuple[Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, _ = tracked
    monkeypatch.chdir(folder)
    client, run = only_run(folder)
    assert run.info.status == "FINISHED"
    recorded = json.loads((folder / "run" / "metrics.json").read_text())
    for name, value in recorded.items():
        assert run.data.metrics[name] == pytest.approx(value), name
    assert run.data.params["model.dim"] == "16"
    assert run.data.params["corpus.min_count"] == "1"
    assert float(run.data.params["trainer.learning_rate"]) > 0
    names = {item.path for item in client.list_artifacts(run.info.run_id)}
    assert {"model", "loss_curve.png", "word_map.png"} <= names


@OF_MLFLOW
def test_a_run_is_a_model_by_its_id(
    tracked: tuple[Path, str],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder, out = tracked
    monkeypatch.chdir(folder)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    run_id = out.partition("run first (")[2].partition(")")[0]
    assert main(["neighbors", run_id, "king", "--top", "2"]) == 0
    by_id = capsys.readouterr().out
    assert main(["neighbors", "run", "king", "--top", "2"]) == 0
    assert capsys.readouterr().out == by_id


@OF_MLFLOW
@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM to catch")
@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_a_terminated_process_saves_its_run_and_marks_it_killed(
    name: str, text: Path, in_folder: Path, wait_for: Callable[[Callable[[], bool]], None]
) -> None:
    words = [word for word in arguments(text, "hydra.run.dir=run") if word != "tracking=none"]
    more = ["trainer.epochs=100000", "evaluation.analogies=[]", "evaluation.heldout_centers=1"]
    environment = {key: value for key, value in os.environ.items() if "MLFLOW" not in key}
    log = in_folder / "err"
    with log.open("w") as stream:
        process = subprocess.Popen(
            [sys.executable, "-m", "nw2v", *words, *more],
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=stream,
        )
        try:
            wait_for(lambda: "training: pass 3," in log.read_text() or process.poll() is not None)
            process.send_signal(getattr(signal, name))
            status = process.wait(60)
        finally:
            process.kill()
            process.wait()
    assert status == 130, log.read_text()
    assert nw2v.load("run").center_vectors.any()
    _, run = only_run(in_folder)
    assert run.info.status == "KILLED"
