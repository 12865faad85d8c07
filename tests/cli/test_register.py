import json
import re
import shlex
import shutil
from pathlib import Path
from typing import Any

import pytest

from nw2v.cli import main
from nw2v.tracking.mlflow_callback import MlflowCallback
from nw2v.training.callbacks import Report, TrainingStart

METRICS = {"train/seconds": 1.25, "train/loss": 2.5}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working directory with a store."""
    return tmp_path_factory.mktemp("work") / "mlflow.db"


@pytest.fixture(scope="module")
def outputs(store: Path, run_folder: Path) -> Path:
    return Path(shutil.copytree(run_folder, store.parent / "outputs"))


@pytest.fixture(scope="module")
def run_id(store: Path, outputs: Path) -> str:
    (outputs / "metrics.json").write_text(json.dumps(METRICS))
    parameters: object = None
    start = TrainingStart(100, {"loss": "negative_sampling"}, {}, parameters)  # type: ignore[arg-type]
    with MlflowCallback(uri=store) as callback:
        callback.started(start)
        callback.finished(Report(1, 1, METRICS))
        callback.log_outputs(outputs)
    assert callback.run_id is not None
    return callback.run_id


@pytest.fixture(autouse=True)
def _in_the_working_directory(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.chdir(store.parent)


def test_what_it_says_can_be_done(
    run_id: str,
    store: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each command that is printed is one that works as it stands."""
    assert main(["register", "outputs", "--name", "our words"]) == 0
    captured = capfd.readouterr()
    assert captured.err == ""
    lines = captured.out.splitlines()
    assert re.fullmatch(r"models:/m-[0-9a-f]{32}", lines[0])
    assert lines[1] == (
        f"the center vectors of MLflow run {run_id}: 8 words, 5 dimensions, in the store {store}"
    )
    assert lines[2] == "registered as version 1 of our words: models:/our words/1"
    request = next(line for line in lines if line.startswith("    -d "))
    questions = json.loads(shlex.split(request)[1])
    assert questions["dataframe_records"][1] == {
        "query": "analogy",
        "words": ["king", "queen", "man"],
    }
    serving = next(line for line in lines if line.startswith("  mlflow models serve "))
    assert shlex.split(serving)[4] == "models:/our words/1"
    (name, value) = next(line for line in lines if "export" in line).split()[1].split("=", 1)
    monkeypatch.setenv(name, value)
    *statements, question = [line[6:] for line in lines if line.startswith("  >>> ")]
    names: dict[str, Any] = {}
    exec("\n".join(statements), names)
    answer = eval(question, names)
    assert answer["answers"][0][:2] == ["man", "queen"] and answer["error"][0] is None


def test_other_vectors_without_a_name(
    run_id: str, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["register", run_id, "--vectors", "sum", "--uri", str(store)]) == 0
    text = capsys.readouterr().out
    model = text.splitlines()[0]
    assert "the sum vectors of" in text and "registered as" not in text
    assert f"mlflow models serve -m {model} --env-manager local" in text
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "the following arguments are required: RUN"),
        (["nowhere"], "no run 'nowhere': expected an MLflow run id, or the output folder"),
        (["0" * 32], f"no MLflow run '{'0' * 32}' in "),
        (["0" * 32, "--uri", "other.db"], f"no MLflow run {'0' * 32}: there is no store "),
        (["0" * 32, "--uri", "mlruns"], "--uri=mlruns is neither an address nor a .db file"),
        (["0" * 32, "--name", "a/b"], "the model name 'a/b' is blank or has a '/' or ':'"),
        (["x", "--vectors", "both"], "argument --vectors: invalid choice: 'both'"),
    ],
)
def test_wrong_words_are_one_line_and_status_2(
    run_id: str, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["register", *arguments]) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith(f"nw2v: error: {message}") and captured.err.count("\n") == 1
    assert captured.out == ""


def test_tab_completion(monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.setenv("COMP_LINE", "nw2v reg")
    assert main(["-sc", "query=bash"]) == 0
    assert "register" in capsys.readouterr().out.split()
