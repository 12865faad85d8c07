"""The ranked table of a sweep."""

from __future__ import annotations

import csv
import json

import pytest

from nw2v.cli import main
from nw2v.cli.ranking import ranked_jobs


def job(folder, name, overrides, metrics):
    (folder / name / ".hydra").mkdir(parents=True)
    (folder / name / ".hydra" / "overrides.yaml").write_text(json.dumps(overrides))
    if metrics is not None:
        (folder / name / "metrics.json").write_text(json.dumps(metrics))


@pytest.mark.parametrize(("direction", "order"), [("maximize", "bac"), ("minimize", "abc")])
def test_jobs_are_ranked_and_those_without_the_metric_come_last(tmp_path, direction, order):
    job(tmp_path, "0", ["model.dim=a", "seed=1"], {"m": 0.1, "train/seconds": 2.0})
    job(tmp_path, "1", ["model.dim=b", "seed=1"], {"m": 0.3, "valid/cross_entropy": 7.5})
    job(tmp_path, "2", ["model.dim=c", "seed=1"], None)
    header, *rows = ranked_jobs(tmp_path, "m", direction)
    assert header == ["job", "model.dim", "m", "valid/cross_entropy", "train/seconds"]
    assert [row[1] for row in rows] == list(order)
    assert rows[-1][2:] == ["", "", ""]


def test_a_folder_without_jobs_has_no_table(tmp_path):
    assert ranked_jobs(tmp_path, "m", "maximize") == []


def test_a_sweep_ends_with_its_table(tmp_path, monkeypatch, capsys, text):
    monkeypatch.chdir(tmp_path)
    given = ["corpus=file", f"corpus.path={text}", "tracking=none", "trainer.epochs=1"]
    swept = ["model.dim=4,8", "sweep.metric=train/loss", "sweep.direction=minimize"]
    assert main(["train", "-m", *given, *swept, "hydra.sweep.dir=sweep"]) == 0
    with (tmp_path / "sweep" / "sweep.csv").open(newline="") as file:
        header, *rows = csv.reader(file)
    assert header[:3] == ["job", "model.dim", "train/loss"]
    assert float(rows[0][2]) <= float(rows[1][2])
    assert "table  sweep/sweep.csv" in capsys.readouterr().out


def test_a_job_that_fails_is_the_last_of_the_table(tmp_path, monkeypatch, capsys, text):
    monkeypatch.chdir(tmp_path)
    given = ["corpus=file", f"corpus.path={text}", "tracking=none", "trainer.epochs=1"]
    swept = ["corpus.min_count=100000,1", "model.dim=4"]
    # Of several metrics the first one ranks.
    metrics = ["sweep.metric=[train/loss,train/seconds]", "sweep.direction=[minimize,minimize]"]
    assert main(["train", "-m", *given, *swept, *metrics, "hydra.sweep.dir=sweep"]) != 0
    with (tmp_path / "sweep" / "sweep.csv").open(newline="") as file:
        _, *rows = csv.reader(file)
    assert [row[1] for row in rows] == ["1", "100000"]
    assert rows[0][2] != "" and rows[1][2] == ""
    assert "table  sweep/sweep.csv" in capsys.readouterr().out
