"""`nw2v sweep report` on a sweep's folder."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from nw2v.cli import main
from tests.sweeps.synthetic import grid, sweep_of


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    return sweep_of(tmp_path / "sweep", grid(model__window=[2, 5, 10]))


def test_the_report_is_made_in_the_sweeps_folder(
    sweep: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["sweep", "report", str(sweep)]) == 0
    captured = capsys.readouterr()
    lines = captured.out.splitlines()
    assert lines[0].split()[:3] == ["job", "model.window", "analogy/accuracy"]
    assert [line.split()[1] for line in lines[1:4]] == ["5", "10", "2"]
    assert any(line.startswith("Best by analogy/accuracy of 3 configurations") for line in lines)
    assert lines[-1] == f"report      {sweep / 'report.html'}"
    assert (sweep / "report.html").is_file() and (sweep / "sweep.csv").is_file()
    assert not captured.err
    first = (sweep / "sweep.csv").read_text()
    assert main(["sweep", "report", str(sweep)]) == 0  # again, over the first
    assert (sweep / "sweep.csv").read_text() == first


def test_another_folder(sweep: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = sorted(sweep.rglob("*"))
    assert main(["sweep", "report", str(sweep), "--output", str(tmp_path / "out")]) == 0
    assert (tmp_path / "out" / "report.html").is_file()
    assert sorted(sweep.rglob("*")) == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["report", "nowhere"], "no sweep nowhere: give a sweep's folder or the MLflow run id of"),
        (["report", "."], "is not a sweep's folder: it has no sweep.json"),
        (["report", "0" * 32], "there is no store"),
        (["report", "x", "y"], "unrecognized arguments: y; 'nw2v sweep --help' shows how"),
        (["repotr", "x"], "invalid choice: 'repotr'"),
    ],
)
def test_wrong_input_is_one_line(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    assert main(["sweep", *arguments]) == 2
    captured = capsys.readouterr()
    assert message in captured.err and captured.err.count("\n") == 1
    assert not captured.out and not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("line", "answer"),
    [("nw2v sweep ", "report\n"), ("nw2v sweep re", "report\n"), ("nw2v sweep report ", "")],
)
def test_completion(
    line: str, answer: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COMP_LINE", line)
    assert main(["-sc", "query=bash"]) == 0
    assert capsys.readouterr().out == answer


def test_a_folders_report_needs_neither_mlflow_nor_hydra(sweep: Path) -> None:
    code = (
        "import sys; from nw2v.cli import main; import nw2v\n"
        "nw2v.sweeps\n"
        "assert not {'pandas', 'mlflow', 'matplotlib', 'hydra', 'numba'} & {*sys.modules}\n"
        f"assert main(['sweep', 'report', {str(sweep)!r}]) == 0\n"
        "assert not {'mlflow', 'hydra', 'numba'} & {*sys.modules}\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env=environment, timeout=120
    )
    assert done.returncode == 0, done.stderr
