from __future__ import annotations

import bz2
import gzip
import lzma
import os
from collections.abc import Callable
from pathlib import Path

import pytest
import zstandard

from nw2v.corpus import reading
from nw2v.corpus.reading import (
    ContentDigest,
    content_digest,
    find_text,
    read_blocks,
)
from nw2v.errors import InputError

COMPRESSIONS: dict[str, Callable[[bytes], bytes]] = {
    ".gz": gzip.compress,
    ".xz": lzma.compress,
    ".bz2": bz2.compress,
    ".zst": lambda data: zstandard.ZstdCompressor().compress(data),
}


def read(path: Path, **options: str) -> bytes:
    return b"".join(block.text for block in read_blocks(find_text(path), **options))  # type: ignore[arg-type]


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "BLOCK_BYTES", 64)
    monkeypatch.setattr(reading, "LONGEST_RUN", 256)
    monkeypatch.setattr(reading, "_COMPRESSED_PIECE", 7)


def lines(number: int) -> bytes:
    return b"".join(b"line %d of the text\n" % line for line in range(number))


@pytest.mark.parametrize("ending", COMPRESSIONS)
@pytest.mark.usefixtures("small_blocks")
def test_compressed_files(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"text{ending.upper()}"
    for text in (b"", b"a\n", lines(200), b"x " * 5000):
        path.write_bytes(COMPRESSIONS[ending](text))
        assert read(path).split() == text.split()
        # several members, and zeros after the last one
        half = len(text) // 2
        path.write_bytes(
            COMPRESSIONS[ending](text[:half]) + COMPRESSIONS[ending](text[half:]) + b"\0" * 8
        )
        assert read(path).split() == text.split()


@pytest.mark.parametrize("ending", COMPRESSIONS)
def test_damaged_archives(tmp_path: Path, ending: str) -> None:
    path = tmp_path / f"text{ending}"
    whole = COMPRESSIONS[ending](lines(500))
    path.write_bytes(whole[:-9])
    with pytest.raises(InputError, match=r"text\.\w+ is truncated"):
        read(path)
    path.write_bytes(b"")
    with pytest.raises(InputError, match="is truncated"):
        read(path)
    path.write_bytes(b"this is plain text, not an archive\n" * 20)
    with pytest.raises(InputError, match=r"is not a readable \.\w+ file"):
        read(path)
    path.write_bytes(whole + b"rubbish at the end of it")
    with pytest.raises(InputError, match=r"is not a readable|is truncated"):
        read(path)


@pytest.mark.usefixtures("small_blocks")
def test_blocks_end_at_line_ends(tmp_path: Path) -> None:
    path = tmp_path / "text"
    path.write_bytes(lines(100)[:-1])
    blocks = list(read_blocks(find_text(path)))
    assert len(blocks) > 10
    assert all(block.text.endswith(b"\n") and len(block.text) <= 128 for block in blocks)
    assert b"".join(block.text for block in blocks) == lines(100)
    assert blocks[-1].bytes_done == path.stat().st_size


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("blank", [b" ", b"\t", b"\0", b"\r"])
def test_a_long_line_is_cut_at_white_space(tmp_path: Path, blank: bytes) -> None:
    path = tmp_path / "text"
    path.write_bytes(blank.join(b"%d" % number for number in range(1000)))
    blocks = [block.text for block in read_blocks(find_text(path))]
    assert max(map(len, blocks)) < 200
    joined = b"".join(blocks)
    assert joined == path.read_bytes() + b"\n"
    assert all(block.endswith(blank) for block in blocks[:-1])


@pytest.mark.usefixtures("small_blocks")
def test_a_run_without_white_space_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "text"
    path.write_bytes(b"one line\n" + b"x" * 10_000)
    with pytest.raises(InputError, match="without white space: is it a text file"):
        read(path)


def test_folders_are_sorted_recursive_and_without_hidden_files(tmp_path: Path) -> None:
    (tmp_path / "b" / "deep").mkdir(parents=True)
    (tmp_path / ".git").mkdir()
    (tmp_path / "b" / "deep" / "2.txt").write_bytes(b"two")
    (tmp_path / "a.txt.gz").write_bytes(gzip.compress(b"one"))
    (tmp_path / "c.txt").write_bytes(b"\xef\xbb\xbfthree")
    (tmp_path / ".hidden").write_bytes(b"no")
    (tmp_path / ".git" / "text").write_bytes(b"no")
    (tmp_path / "b" / "again").symlink_to(tmp_path)
    assert read(tmp_path) == b"one\ntwo\nthree\n"


def test_missing_files_and_folders(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"corpus\.path=.*nowhere: there is no such file"):
        find_text(tmp_path / "nowhere")
    with pytest.raises(InputError, match="holds no files"):
        find_text(tmp_path)
    with pytest.raises(InputError, match=r"corpus\.path is empty"):
        find_text("")


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may read everything")
def test_unreadable_file(tmp_path: Path) -> None:
    path = tmp_path / "text"
    path.write_bytes(b"a")
    path.chmod(0)
    with pytest.raises(InputError, match=r"cannot read .*text: Permission denied"):
        read(path)


def test_a_file_that_vanishes(tmp_path: Path) -> None:
    path = tmp_path / "text"
    path.write_bytes(b"a")
    files = find_text(path)
    path.unlink()
    with pytest.raises(InputError, match=r"cannot read .*text: No such file"):
        list(read_blocks(files))


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize("line_end", [b"\n", b"\r\n", b"\r"])
def test_bytes_that_are_not_utf8(tmp_path: Path, line_end: bytes) -> None:
    path = tmp_path / "text"
    text = line_end.join([b"a line of text"] * 40 + ["caf\u00e9".encode(), b"caf\xe9", b"end"])
    path.write_bytes(text)
    with pytest.raises(InputError, match=r"text, line 42: not UTF-8 \(byte 0xe9\).*=replace"):
        read(path)
    assert read(path, encoding_errors="replace").split() == (
        text.replace(b"\xe9" + line_end, "\ufffd".encode() + line_end).split()
    )


def test_utf16_is_recognised(tmp_path: Path) -> None:
    path = tmp_path / "text"
    path.write_bytes("some text".encode("utf-16"))
    with pytest.raises(InputError, match=r"line 1: not UTF-8 .*looks like UTF-16"):
        read(path)


def test_the_digest_of_reading_and_of_the_files_agree(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(lines(10))
    (tmp_path / "b.gz").write_bytes(gzip.compress(lines(10)))
    files = find_text(tmp_path)
    digest = ContentDigest()
    list(read_blocks(files, digest=digest))
    assert digest.hexdigest() == content_digest(files)
    assert len(digest.hexdigest()) == 32
    (tmp_path / "a").rename(tmp_path / "0")
    assert content_digest(find_text(tmp_path)) == digest.hexdigest()
    (tmp_path / "0").rename(tmp_path / "c")
    assert content_digest(find_text(tmp_path)) != digest.hexdigest()
