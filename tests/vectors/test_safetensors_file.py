"""The .safetensors format: the package reads ours, we read the package's, damage is refused."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from safetensors.numpy import load_file, save_file

from nw2v.errors import InputError
from nw2v.vectors import WordVectors
from nw2v.vectors.safetensors_file import read_safetensors, write_safetensors
from nw2v.vectors.table import Table


def encoded(text):
    return np.frombuffer(text.encode(), dtype=np.uint8)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_round_trip(data, tables, tmp_path):
    words, array = data.draw(tables)
    words = [word.replace("x", " \t") for word in words]  # only a newline cannot be
    write_safetensors(tmp_path / "x.safetensors", Table(words, array))
    comp = read_safetensors(tmp_path / "x.safetensors")
    assert comp.words == words
    assert_array_equal(comp.vectors.view(np.uint32), array.view(np.uint32))


def test_the_package_reads_it(vectors, tmp_path):
    vectors.save(tmp_path / "x.safetensors")
    tensors = load_file(tmp_path / "x.safetensors")
    assert set(tensors) == {"vectors", "words"}
    assert tensors["vectors"].dtype == np.float32
    assert tensors["words"].dtype == np.uint8
    assert_array_equal(tensors["vectors"], vectors.vectors)
    assert bytes(tensors["words"]).decode().split("\n") == list(vectors.words)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("text", ["king\nqueen", "king\nqueen\n"])
def test_the_package_writes_it(dtype, text, tmp_path):
    array = np.array([[0.5, 1], [2, -3]], dtype=dtype)
    tensors = {"vectors": array, "words": encoded(text), "more": np.ones(3)}
    save_file(tensors, tmp_path / "x.safetensors", metadata={"by": "someone"})
    comp = WordVectors.load(tmp_path / "x.safetensors")
    assert comp.words == ("king", "queen")
    assert_array_equal(comp.vectors, array)


EYE = np.eye(2, dtype=np.float32)
WRONG = {
    "no words": ({"vectors": EYE}, "no tensor 'words', only vectors; expected vectors and words"),
    "a model": ({"center_vectors": EYE}, "no tensor 'vectors', only center_vectors"),
    "nothing": ({}, "no tensor 'vectors', nor any other; expected vectors and words"),
    "ints": (
        {"vectors": np.eye(2, dtype=int), "words": encoded("a\nb")},
        "is of type I64; expected",
    ),
    "words": ({"vectors": EYE, "words": EYE}, "tensor 'words' is of type F32; expected U8"),
    "flat": ({"vectors": EYE[0], "words": encoded("a\nb")}, r"vectors \(2,\)"),
    "nested": ({"vectors": EYE, "words": encoded("a\nb")[None]}, r"words \(1, 3\)"),
    "fewer": ({"vectors": EYE, "words": encoded("a")}, "holds 1 words, but tensor vectors 2 rows"),
    "more": ({"vectors": EYE, "words": encoded("a\nb\nc")}, "holds 3 words"),
    "none": ({"vectors": EYE[:0], "words": encoded("")}, "holds no words|holds 1 words"),
    "no dim": ({"vectors": EYE[:, :0], "words": encoded("a\nb")}, "d at least 1"),
    "nan": ({"vectors": EYE * np.float32(np.nan), "words": encoded("a\nb")}, "'a' .* has nan"),
    "large": ({"vectors": np.eye(2) * 1e300, "words": encoded("a\nb")}, "'a' .* has inf"),
    "latin-1": (
        {"vectors": EYE, "words": np.frombuffer(b"a\n\xff", dtype=np.uint8)},
        "not UTF-8 at byte 2",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_tensors(case, tmp_path):
    tensors, message = WRONG[case]
    path = tmp_path / "x.safetensors"
    save_file({name: np.ascontiguousarray(array) for name, array in tensors.items()}, path)
    with pytest.raises(InputError, match=message) as caught:
        WordVectors.load(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def header_only(layout, data=b""):
    head = layout if isinstance(layout, bytes) else json.dumps(layout).encode()
    return len(head).to_bytes(8, "little") + head + data


HUGE = {"dtype": "F32", "shape": [10**9, 300], "data_offsets": [0, 4 * 300 * 10**9]}
HOSTILE = {
    "empty": b"",
    "short": b"\1\0\0",
    "long header": (2**63).to_bytes(8, "little") + b'{"',
    "all of it": (2**64 - 1).to_bytes(8, "little") + b"{}",
    "no json": header_only(b"x" * 100),
    "list": header_only(b"[1, 2]"),
    "deep": header_only(b'{"a":' * 100_000),
    "huge": header_only({"vectors": HUGE, "words": HUGE}),
    "overflow": header_only(
        {"vectors": {"dtype": "F32", "shape": [2**62, 4], "data_offsets": [0, 0]}}
    ),
    "negative": header_only(
        {"vectors": {"dtype": "F32", "shape": [-1, 4], "data_offsets": [0, 0]}}
    ),
    "offsets": header_only(
        {"vectors": {"dtype": "F32", "shape": [1, 1], "data_offsets": [8, 4]}}, b"\0" * 8
    ),
    "pickle": b"\x80\x04\x95",
}


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_headers(case, tmp_path):
    path = tmp_path / "x.safetensors"
    path.write_bytes(HOSTILE[case])
    with pytest.raises(InputError) as caught:
        WordVectors.load(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_every_truncation_is_refused(vectors, tmp_path):
    vectors.save(tmp_path / "whole.safetensors")
    whole = (tmp_path / "whole.safetensors").read_bytes()
    for size in range(len(whole)):
        (tmp_path / "x.safetensors").write_bytes(whole[:size])
        with pytest.raises(InputError):
            WordVectors.load(tmp_path / "x.safetensors")


@pytest.mark.filterwarnings("ignore:.*repeat a word")
@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_bytes_are_read_or_refused(data, vectors, tmp_path):
    vectors.save(tmp_path / "x.safetensors")
    content = bytearray((tmp_path / "x.safetensors").read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    (tmp_path / "y.safetensors").write_bytes(bytes(content))
    try:
        WordVectors.load(tmp_path / "y.safetensors")
    except InputError as error:
        assert "\n" not in str(error)


def test_a_newline_in_a_word_cannot_be_written(tmp_path):
    with pytest.raises(InputError, match=r"'a\\nb' \(row 0, from 0\) has a newline"):
        WordVectors(["a\nb"], [[1]]).save(tmp_path / "x.safetensors")
    with pytest.raises(InputError, match="no UTF-8 form"):
        WordVectors(["\ud800"], [[1]]).save(tmp_path / "x.safetensors")
    assert not list(tmp_path.iterdir())
