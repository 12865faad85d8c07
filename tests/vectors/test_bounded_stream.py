"""A file's size bounds what is read from it, gzip or not."""

from __future__ import annotations

import gzip

import pytest

from nw2v.errors import InputError
from nw2v.vectors import bounded_stream
from nw2v.vectors.bounded_stream import open_bounded


@pytest.fixture
def small_limits(monkeypatch):
    monkeypatch.setattr(bounded_stream, "ALWAYS_ALLOWED", 1000)


def test_plain_file(tmp_path):
    path = tmp_path / "x.txt"
    path.write_bytes(b"one\ntwo\n\nthree")
    with open_bounded(path) as stream:
        assert stream.capacity == 14
        assert stream.readline(100) == b"one\n"
        assert list(stream.lines(100)) == [[b"two", b""], [b"three"]]
        assert stream.unfinished_line
        assert stream.read() == b""
        stream.require(14, "this")
        with pytest.raises(InputError, match="this needs at least 15 bytes, but the file is 14"):
            stream.require(15, "this")


def test_long_line(tmp_path):
    path = tmp_path / "x.txt"
    path.write_bytes(b"a" * 1000)
    with open_bounded(path) as stream, pytest.raises(InputError, match="longer than 999 bytes"):
        list(stream.lines(999))


def test_gzip_that_swells_too_much_is_refused(tmp_path, small_limits):
    path = tmp_path / "x.txt.gz"
    path.write_bytes(gzip.compress(b"\0" * 10_000_000))
    with (
        open_bounded(path) as stream,
        pytest.raises(InputError, match="unpacks to more than 100 times its size"),
    ):
        while stream.read(100_000):
            pass


@pytest.mark.parametrize("damage", ["no gzip", "cut", "flipped"])
def test_damaged_gzip(tmp_path, damage):
    whole = gzip.compress(bytes(range(256)) * 4)
    data = {
        "no gzip": b"2 3\nking 1 2 3\n",
        "cut": whole[:-20],
        "flipped": whole[:40] + bytes([whole[40] ^ 255]) + whole[41:],
    }[damage]
    path = tmp_path / "x.bin.gz"
    path.write_bytes(data)
    with (
        open_bounded(path) as stream,
        pytest.raises(InputError, match="damaged or cut short as a gzip file"),
    ):
        while stream.read(100):
            pass


def test_missing_file(tmp_path):
    with (
        pytest.raises(InputError, match=r"cannot read .*No such file"),
        open_bounded(tmp_path / "x"),
    ):
        pass
