from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
import pytest

from nw2v.corpus import cache
from nw2v.corpus.cache import (
    ArrayWriter,
    DigestMemo,
    cache_folder,
    discard,
    file_of,
    is_writable,
    let_go,
    open_arrays,
    open_or_make,
    publish,
    settings_key,
    staging_folder,
)
from nw2v.corpus.reading import find_text
from nw2v.errors import InputError


def write(folder: Path, number: int = 3) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    with ArrayWriter(folder) as writer:
        writer.append("a", np.arange(number, dtype=np.int32))
        writer.append("a", np.arange(2, dtype=np.int32))
        writer.append("empty", np.empty(0, dtype=np.int64))
        writer.seal({"fact": "é"})


def test_arrays_come_back_read_only(tmp_path: Path) -> None:
    write(tmp_path / "x")
    stored = open_arrays(tmp_path / "x")
    assert stored is not None
    assert stored.arrays["a"].tolist() == [0, 1, 2, 0, 1]
    assert stored.arrays["a"].dtype == np.int32
    assert stored.arrays["empty"].shape == (0,)
    assert stored.facts == {"fact": "é"}
    for array in stored.arrays.values():
        assert type(array) is np.ndarray
        assert not array.flags.writeable


def test_damage_is_noticed(tmp_path: Path) -> None:
    folder = tmp_path / "x"
    assert open_arrays(folder) is None
    for damage in (
        lambda: (folder / "a").unlink(),
        lambda: (folder / "a").write_bytes(b"1234"),
        lambda: (folder / "manifest.json").unlink(),
        lambda: (folder / "manifest.json").write_text("{"),
        lambda: (folder / "manifest.json").write_text("[]"),
        lambda: (folder / "manifest.json").write_text('{"format": 0}'),
    ):
        write(folder)
        assert open_arrays(folder) is not None
        damage()
        assert open_arrays(folder) is None


def test_an_unsealed_folder_is_not_valid(tmp_path: Path) -> None:
    with ArrayWriter(tmp_path) as writer:
        writer.append("a", np.arange(3))
    assert open_arrays(tmp_path) is None


def test_publishing_keeps_what_is_there_and_replaces_what_is_damaged(tmp_path: Path) -> None:
    target = tmp_path / "target"
    with staging_folder(tmp_path) as staging:
        write(staging)
        assert publish(staging, target).arrays["a"].size == 5
    with staging_folder(tmp_path) as staging:
        write(staging, 7)
        assert publish(staging, target).arrays["a"].size == 5
    (target / "a").unlink()
    with staging_folder(tmp_path) as staging:
        write(staging, 7)
        assert publish(staging, target).arrays["a"].size == 9
    assert [path.name for path in tmp_path.iterdir()] == ["target"]
    discard(target)
    discard(target)
    assert not list(tmp_path.iterdir())


def test_what_killed_processes_left_is_removed_after_days(tmp_path: Path) -> None:
    for name in (".building-old", ".building-new"):
        (tmp_path / name).mkdir()
    long_ago = time.time() - 7 * 24 * 3600
    os.utime(tmp_path / ".building-old", (long_ago, long_ago))
    with pytest.raises(KeyError), staging_folder(tmp_path):
        raise KeyError
    assert [path.name for path in tmp_path.iterdir()] == [".building-new"]


def test_writing_errors_are_input_errors(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with (
        pytest.raises(InputError, match=r"cannot write the cache in .*set NW2V_CACHE"),
        staging_folder(tmp_path / "file"),
    ):
        pass
    with pytest.raises(InputError, match="cannot write"), ArrayWriter(tmp_path / "none") as writer:
        writer.append("a", np.arange(3))
    assert not is_writable(tmp_path / "file")
    assert is_writable(tmp_path / "new" / "folder")


def test_cache_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NW2V_CACHE", str(tmp_path / "a"))
    assert cache_folder() == tmp_path / "a"
    assert cache_folder(tmp_path / "b") == tmp_path / "b"
    monkeypatch.setenv("NW2V_CACHE", "")
    assert "nw2v" in str(cache_folder())
    assert cache_folder("x").is_absolute()


def test_settings_key() -> None:
    assert len(settings_key("a", 1, None)) == 32
    assert settings_key("a", 1) != settings_key("a", 2)
    assert settings_key({"a": 1, "b": 2}) == settings_key({"b": 2, "a": 1})


def test_memo_holds_while_files_do_not_change(tmp_path: Path) -> None:
    text = tmp_path / "text"
    text.mkdir()
    memo = DigestMemo(tmp_path / "memo")

    def put(name: str, content: str, age: float) -> None:
        (text / name).write_text(content)
        then = time.time() - age
        os.utime(text / name, (then, then))

    put("a", "abc", 100)
    assert memo.recall(find_text(text)) is None
    memo.remember(find_text(text), "digest")
    assert memo.recall(find_text(text)) == "digest"
    put("a", "abd", 50)
    assert memo.recall(find_text(text)) is None
    memo.remember(find_text(text), "other")
    assert memo.recall(find_text(text)) == "other"
    put("b", "abd", 50)
    assert memo.recall(find_text(text)) is None
    (text / "b").unlink()
    assert memo.recall(find_text(text)) == "other"
    put("a", "new", 0)  # so new that another change could go unseen
    memo.remember(find_text(text), "third")
    assert memo.recall(find_text(text)) is None
    for path in (tmp_path / "memo").iterdir():
        path.write_text("rubbish")
    assert memo.recall(find_text(text)) is None


def test_a_mapped_array_that_was_let_go_is_read_again(tmp_path: Path) -> None:
    values = np.arange(100_000, dtype=np.int32)
    (tmp_path / "folder").mkdir()
    with ArrayWriter(tmp_path / "folder") as writer:
        writer.append("values", values)
        writer.seal({})
    stored = open_arrays(tmp_path / "folder")
    assert stored is not None
    mapped = stored.arrays["values"]
    assert mapped.sum() == values.sum()
    let_go(mapped[10:])
    np.testing.assert_array_equal(mapped, values)
    let_go(values)  # Not mapped: stays as it is.
    assert values[-1] == 99_999


def test_a_mapped_array_knows_the_file_that_it_is_the_whole_of(tmp_path: Path) -> None:
    values = np.arange(1000, dtype=np.int64)
    (tmp_path / "folder").mkdir()
    with ArrayWriter(tmp_path / "folder") as writer:
        writer.append("values", values)
        writer.append("nothing", values[:0])
        writer.seal({})
    stored = open_arrays(tmp_path / "folder")
    assert stored is not None
    mapped = stored.arrays["values"]
    path = tmp_path / "folder" / "values"
    assert file_of(mapped) == file_of(mapped[:]) == path
    for part in (mapped[1:], mapped[:-1], mapped.copy(), values, stored.arrays["nothing"]):
        assert file_of(part) is None
    reading = np.memmap(path, dtype=np.int64, mode="r")
    assert file_of(reading) == path
    others = (reading[5:], reading[::-1], np.asarray(reading[::-1]), reading.view(np.int32))
    assert [file_of(other) for other in others] == [None] * 4
    assert file_of(np.memmap(path, dtype=np.int64, mode="c")) is None
    path.write_bytes(b"12345678" + values.tobytes())
    assert file_of(np.memmap(path, dtype=np.int64, mode="r", offset=8)) is None


def test_changes_that_are_not_in_the_file_stay(tmp_path: Path) -> None:
    np.arange(10_000).tofile(tmp_path / "numbers")
    mapped = np.memmap(tmp_path / "numbers", dtype=np.int64, mode="c")
    mapped[7] = -1
    let_go(mapped)
    assert mapped[7] == -1


def test_what_the_system_refuses_is_left(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    class Locked:
        def madvise(self, advice: int) -> None:
            raise OSError(22, "Invalid argument")

    np.arange(10).tofile(tmp_path / "numbers")
    mapped = np.memmap(tmp_path / "numbers", dtype=np.int64, mode="r")
    monkeypatch.setattr(mapped, "_mmap", Locked())
    let_go(mapped)
    assert mapped.tolist() == list(range(10))


def test_what_making_has_freed_is_given_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    happened: list[str] = []
    monkeypatch.setattr(cache, "give_back_freed_memory", lambda: happened.append("given back"))

    def make(writer: ArrayWriter) -> None:
        happened.append("made")
        writer.seal({})

    for _ in range(2):
        open_or_make(tmp_path / "folder", make)
    assert happened == ["made", "given back"]
