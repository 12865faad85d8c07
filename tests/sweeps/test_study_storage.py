"""Tests of `nw2v.sweeps.study_storage`."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from nw2v.errors import InputError
from nw2v.sweeps.study_storage import drop_half_line, need_optuna, open_storage

optuna = pytest.importorskip("optuna", reason="needs the extra optuna")


@pytest.fixture(autouse=True)
def quiet() -> None:
    optuna.logging.set_verbosity(optuna.logging.WARNING)


def test_a_journal_that_was_cut_short_can_be_written_again(tmp_path: Path) -> None:
    journal = tmp_path / "journal"
    with open_storage(str(journal)) as storage:
        study = optuna.create_study(study_name="s", storage=storage)
        study.tell(study.ask(), 1.0)
    whole = journal.read_bytes()
    journal.write_bytes(whole + b'{"op_code":4,"work')
    drop_half_line(journal)
    assert journal.read_bytes() == whole
    drop_half_line(journal)
    assert journal.read_bytes() == whole
    with open_storage(str(journal)) as storage:
        study = optuna.load_study(study_name="s", storage=storage)
        study.tell(study.ask(), 2.0)
        assert [trial.value for trial in study.trials] == [1.0, 2.0]
    drop_half_line(tmp_path / "none")


def test_a_database(tmp_path: Path) -> None:
    address = f"sqlite:///{tmp_path}/studies.db"
    with open_storage(address) as storage:
        optuna.create_study(study_name="s", storage=storage)
    with open_storage(address) as storage:
        assert optuna.load_study(study_name="s", storage=storage).trials == []


@pytest.mark.parametrize("address", ["nosuch://x", "sqlite:////no/such/folder/studies.db"])
def test_a_database_that_cannot_be_opened(address: str) -> None:
    with pytest.raises(InputError, match="cannot be opened") as caught, open_storage(address):
        pass
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "content", [b"\x00\xff binary\nmore\n", b"text\nmore\n", b'{"a": 1}\n{}\n']
)
def test_a_file_that_is_no_journal(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(InputError, match="not a journal of Optuna"), open_storage(str(path)):
        pass


def test_a_journal_in_a_folder_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot be opened"), open_storage(str(tmp_path / "a/b")):
        pass


def test_what_to_install_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    need_optuna()
    monkeypatch.setitem(sys.modules, "cmaes", None)
    with pytest.raises(InputError, match=r"pip install 'nw2v\[optuna\]'"):
        need_optuna()
