"""Tests of the folder that a run writes to."""

from __future__ import annotations

import multiprocessing
from pathlib import Path
from types import SimpleNamespace

import pytest

from nw2v.cli.configuration import compose_all, parse_command_line
from nw2v.cli.output_folder import check_output_folder, own_output_folder
from nw2v.errors import InputError


def check_folder(*arguments: str) -> None:
    line = parse_command_line(arguments)
    check_output_folder(line, compose_all(line)[0])


def test_output_folder_that_cannot_be_made(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    for key, flags in (("hydra.run.dir", []), ("hydra.sweep.dir", ["-m", "seed=1,2"])):
        with pytest.raises(InputError) as caught:
            check_folder(f"{key}={file}/a/b", *flags)
        assert str(caught.value) == (f"cannot write the output folder {file}/a/b: {file} is a file")
        check_folder(f"{key}={tmp_path}/a/b", *flags)
    assert list(tmp_path.iterdir()) == [file]


def test_output_folder_without_permission(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.access", lambda path, mode: False)
    with pytest.raises(InputError, match=r"cannot write the output folder .*: no permission in"):
        check_folder(f"hydra.run.dir={tmp_path}/a")


def claim(*arguments: str):
    line = parse_command_line(arguments)
    config = compose_all(line)[0]
    return config, own_output_folder(line, config)


@pytest.fixture(autouse=True)
def in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def one_moment(monkeypatch: pytest.MonkeyPatch) -> None:
    """All runs begin in the same second."""
    now = SimpleNamespace(now=lambda: SimpleNamespace(strftime=lambda pattern: "moment"))
    monkeypatch.setattr("hydra.core.utils.datetime", now)


@pytest.mark.usefixtures("one_moment")
def test_runs_that_begin_in_the_same_second_have_folders_of_their_own() -> None:
    first, claim_first = claim()
    with claim_first:
        second, claim_second = claim("seed=2")
        with claim_second:
            third, claim_third = claim()
            with claim_third:
                runs = [config.hydra.run.dir for config in (first, second, third)]
    assert runs == [f"outputs/moment/moment{behind}" for behind in ("", "-2", "-3")]
    assert all(Path(run).is_dir() for run in runs)


@pytest.mark.parametrize("name", ["model.safetensors", "metrics.json", "scores.csv", "report.md"])
def test_a_named_folder_that_holds_a_run_is_left_as_it_is(name: str) -> None:
    Path("out").mkdir()
    Path("out", name).write_text("kept")
    with pytest.raises(InputError) as caught, claim("hydra.run.dir=out")[1]:
        pass
    assert str(caught.value) == (
        f"hydra.run.dir=out holds a run already ({name}): name another folder, or remove it"
    )
    assert [path.name for path in Path("out").iterdir()] == [name]


def test_a_folder_with_other_files_is_taken() -> None:
    Path("out").mkdir()
    Path("out", "train.log").write_text("of a run that failed")
    config, taken = claim("hydra.run.dir=out")
    with taken:
        assert config.hydra.run.dir == "out"


def try_to_claim(answer) -> None:
    try:
        with claim("hydra.run.dir=out")[1]:
            answer.put("taken")
    except InputError as error:
        answer.put(str(error))


def test_two_processes_do_not_write_to_one_folder() -> None:
    context = multiprocessing.get_context("spawn")
    answer = context.Queue()
    with claim("hydra.run.dir=out")[1]:
        process = context.Process(target=try_to_claim, args=(answer,))
        process.start()
        assert "another process runs a training in out" in answer.get(timeout=60)
        process.join()
    assert not Path("out").exists()


def test_no_name_is_no_folder() -> None:
    with pytest.raises(InputError, match=r"hydra\.run\.dir is empty: name a folder"):
        claim("hydra.run.dir=")[1].__enter__()


def test_a_folder_that_depends_on_the_job_is_left_to_hydra() -> None:
    with claim("hydra.run.dir=${hydra:runtime.nothing}")[1]:
        assert not list(Path().iterdir())
