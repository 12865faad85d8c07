"""Tests of the commands that ask, score and export a model."""

from __future__ import annotations

import json
import sys
from importlib.metadata import EntryPoint
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from nw2v.cli import main
from nw2v.vectors import WordVectors, storage
from nw2v.vectors.table import Table


def lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    captured = capsys.readouterr()
    assert not captured.err
    return captured.out.splitlines()


def test_neighbors_of_one_word(run_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["neighbors", str(run_folder), "apple", "--top", "2"]) == 0
    assert lines(capsys) == ["pear   0.8944", "green  0.1961"]


def test_neighbors_of_several_words(run_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["neighbors", str(run_folder), "apple", "tree", "--top", "1"]) == 0
    assert lines(capsys) == ["apple", "  pear  0.8944", "", "tree", "  green  0.9806"]


def test_analogy(run_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for method in ("3cosadd", "3cosmul"):
        arguments = ["analogy", str(run_folder), "man", "king", "woman", "--method", method]
        assert main([*arguments, "--top", "1"]) == 0
        assert lines(capsys)[0].split()[0] == "queen"


@pytest.mark.parametrize("kind", ["center", "outside", "sum"])
def test_queries_ask_the_vectors_that_are_named(
    kind: str, run_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    vectors = WordVectors.load(run_folder, vectors=kind)
    assert main(["neighbors", str(run_folder), "king", "--vectors", kind, "--top", "3"]) == 0
    expected = [f"{word} {score:.4f}" for word, score in vectors.most_similar("king", top=3)]
    assert [" ".join(line.split()) for line in lines(capsys)] == expected


@pytest.fixture
def questions(tmp_path: Path) -> Path:
    path = tmp_path / "royals.txt"
    path.write_text(": crowns\nman king woman queen\n: fruit\nman king apple pear\nman king x y\n")
    return path


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    path = tmp_path / "likeness.tsv"
    path.write_text("apple\tpear\t9\ntree\tgreen\t8\nking\tpear\t1\nking\tzebra\t2\n")
    return path


def test_evaluate_prints_a_table(
    run_folder: Path, questions: Path, pairs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["evaluate", str(run_folder), "--analogies", str(questions)]
    assert main([*arguments, "--similarity", str(pairs)]) == 0
    printed = [line.split() for line in lines(capsys)]
    assert printed[0] == [f"{run_folder}:", "8", "words,", "5", "dimensions"]
    assert printed[2] == ["analogies", "questions", "answerable", "correct", "accuracy"]
    assert printed[3][:3] == ["royals", "3", "2"]
    assert printed[4] == ["crowns", "1", "1", "1", "100.0%"]
    assert printed[5][:3] == ["fruit", "2", "1"]
    assert printed[6] == ["similarity", "pairs", "known", "spearman"]
    assert printed[7] == ["likeness", "4", "3", "0.5000"]


def test_evaluate_prints_json(
    run_folder: Path, questions: Path, pairs: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["evaluate", str(run_folder), "--analogies", str(questions), "--json"]
    assert main([*arguments, "--similarity", str(pairs), "--vectors", "sum"]) == 0
    found = json.loads("\n".join(lines(capsys)))
    assert (found["vectors"], found["words"], found["dim"]) == ("sum", 8, 5)
    metrics = found["metrics"]
    assert metrics["analogy/royals/coverage"] == metrics["analogy/coverage"] == pytest.approx(2 / 3)
    assert metrics["similarity/likeness/coverage"] == 0.75
    assert "analogy/royals/crowns" in metrics and "similarity/likeness/spearman" in metrics


def test_what_cannot_be_measured_is_a_dash_and_not_in_json(
    run_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    questions = tmp_path / "unknown.txt"
    questions.write_text(": none\na b c d\n")
    assert main(["evaluate", str(run_folder), "--analogies", str(questions)]) == 0
    assert lines(capsys)[-1].split() == ["none", "1", "0", "0", "-"]
    assert main(["evaluate", str(run_folder), "--analogies", str(questions), "--json"]) == 0
    assert json.loads("\n".join(lines(capsys)))["metrics"] == {
        "analogy/unknown/coverage": 0.0,
        "analogy/coverage": 0.0,
    }


def test_evaluate_without_sets_asks_nw2vs_own(
    run_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", str(run_folder), "--json"]) == 0
    assert "analogy/nw2v/coverage" in json.loads("\n".join(lines(capsys)))["metrics"]


@pytest.mark.parametrize("ending", [".txt", ".vec", ".bin", ".safetensors", ".parquet"])
def test_export_and_ask_again(
    ending: str, run_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / f"vectors{ending}"
    assert main(["export", str(run_folder), str(out), "--vectors", "sum"]) == 0
    assert lines(capsys) == [f"{out}: 8 words, 5 dimensions"]
    written, expected = WordVectors.load(out), WordVectors.load(run_folder, vectors="sum")
    assert list(written.words) == list(expected.words)
    np.testing.assert_allclose(written.vectors, expected.vectors, atol=1e-6)
    assert main(["neighbors", str(out), "apple", "--top", "1"]) == 0
    assert main(["export", str(out), str(tmp_path / "again.txt")]) == 0


def test_export_in_a_format_of_another_package(
    run_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write(path: Path, table: Table) -> None:
        path.write_text(" ".join(table.words))

    form = (None, write)
    monkeypatch.setitem(sys.modules, "a_package", SimpleNamespace(form=form))
    point = EntryPoint(".words", "a_package:form", storage.ENTRY_POINT_GROUP)
    monkeypatch.setattr(storage, "entry_points", lambda group: [point])
    assert main(["export", str(run_folder), str(tmp_path / "x.words")]) == 0
    assert (tmp_path / "x.words").read_text().startswith("king queen ")


def wrong(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> str:
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert not captured.out
    assert captured.err.startswith("nw2v: error: ") and captured.err.count("\n") == 1
    return captured.err.removeprefix("nw2v: error: ").rstrip("\n")


def test_unknown_words_get_near_matches(
    run_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    message = wrong(["neighbors", str(run_folder), "apple", "quen"], capsys)
    assert "quen" in message and "queen" in message
    message = wrong(["analogy", str(run_folder), "man", "kind", "woman"], capsys)
    assert "kind" in message and "king" in message


def test_models_that_are_none(
    run_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert wrong(["neighbors", "no/such", "x"], capsys) == (
        "no model 'no/such': expected a run's output folder, an MLflow run id, or a vectors file "
        "(.bin, .bin.gz, .parquet, .safetensors, .txt, .txt.gz, .vec, .vec.gz)"
    )
    (tmp_path / "empty").mkdir()
    assert "model.safetensors" in wrong(["neighbors", str(tmp_path / "empty"), "x"], capsys)
    (tmp_path / "a.pdf").write_text("x")
    assert "a.pdf" in wrong(["neighbors", str(tmp_path / "a.pdf"), "x"], capsys)
    (tmp_path / "cut.txt").write_text("8 5\nking 1 2 3 4 5\n")
    assert "cut.txt" in wrong(["evaluate", str(tmp_path / "cut.txt")], capsys)
    (tmp_path / "cut.safetensors").write_bytes((run_folder / "model.safetensors").read_bytes()[:-7])
    assert "cut.safetensors" in wrong(["evaluate", str(tmp_path / "cut.safetensors")], capsys)


def test_a_vectors_file_has_no_outside_vectors(
    run_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "vectors.bin"
    assert main(["export", str(run_folder), str(out)]) == 0
    capsys.readouterr()
    message = wrong(["neighbors", str(out), "king", "--vectors", "outside"], capsys)
    assert "vectors.bin" in message and "outside" in message


def test_a_run_that_the_store_does_not_have(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    assert "mlflow.db" in wrong(["neighbors", "0123456789abcdef" * 2, "x"], capsys)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["vectors.doc"],
            "vectors.doc: the ending '.doc' is no known vectors format "
            "(.bin, .bin.gz, .parquet, .safetensors, .txt, .txt.gz, .vec, .vec.gz)",
        ),
        (
            ["v.txt.gz"],
            "cannot write v.txt.gz: .txt.gz files can only be read; write .txt, then compress it",
        ),
        (["no/such/v.txt"], "cannot write no/such/v.txt: no folder no/such"),
    ],
)
def test_export_to_nowhere(
    arguments: list[str], message: str, run_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert wrong(["export", str(run_folder), *arguments], capsys) == message


def test_evaluation_sets_that_are_none(
    run_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    message = wrong(["evaluate", str(run_folder), "--analogies", "gogle"], capsys)
    assert "gogle" in message and "google" in message
    bad = tmp_path / "bad.txt"
    bad.write_text(": section\none two three\n")
    message = wrong(["evaluate", str(run_folder), "--analogies", str(bad)], capsys)
    assert "bad.txt" in message and "2" in message
    message = wrong(["evaluate", str(run_folder), "--similarity", str(tmp_path / "no")], capsys)
    assert str(tmp_path / "no") in message


def test_words_of_a_stranger_do_not_steer_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "vectors.txt"
    steering = "\x1b[31mred\x07\u202etxt\x9b"
    file.write_text(f"3 2\na 1 2\n{steering} 1 2\nä 1 3\n", encoding="utf-8")
    assert main(["neighbors", str(file), "a"]) == 0
    words = [line.split()[0] for line in lines(capsys)]
    assert words == [r"\x1b[31mred\x07\u202etxt\x9b", "ä"]
