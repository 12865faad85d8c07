"""word2vec's binary format: gensim's bytes, word2vec.c's dialect, damaged files."""

from __future__ import annotations

import gzip

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from nw2v.errors import InputError
from nw2v.vectors import WordVectors, bounded_stream
from nw2v.vectors.binary import read_binary, write_binary
from nw2v.vectors.table import Table


def word2vec_c(vectors):
    """What word2vec.c writes: fprintf "%s ", fwrite each float, fprintf "\\n"."""
    data = f"{len(vectors)} {vectors.dim}\n".encode()
    for word in vectors:
        data += word.encode() + b" " + vectors[word].astype("<f4").tobytes() + b"\n"
    return data


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_round_trip(data, tables, tmp_path):
    words, array = data.draw(tables)
    write_binary(tmp_path / "x.bin", Table(words, array))
    comp = read_binary(tmp_path / "x.bin")
    assert comp.words == words
    assert_array_equal(comp.vectors.view(np.uint32), array.view(np.uint32))


def test_gensim_writes_the_same_bytes_and_reads_ours(vectors, tmp_path):
    pytest.importorskip("gensim")
    from gensim.models import KeyedVectors

    keyed = vectors.to_gensim()
    keyed.save_word2vec_format(str(tmp_path / "theirs.bin"), binary=True)
    vectors.save(tmp_path / "ours.bin")
    assert (tmp_path / "ours.bin").read_bytes() == (tmp_path / "theirs.bin").read_bytes()
    again = KeyedVectors.load_word2vec_format(str(tmp_path / "ours.bin"), binary=True)
    assert again.index_to_key == list(vectors.words)
    assert_array_equal(again.vectors, vectors.vectors)
    assert_array_equal(WordVectors.load(tmp_path / "theirs.bin").vectors, vectors.vectors)


@pytest.mark.parametrize("ending", [".bin", ".bin.gz"])
def test_word2vec_c(vectors, ending, tmp_path):
    data = word2vec_c(vectors)
    path = tmp_path / ("x" + ending)
    path.write_bytes(gzip.compress(data) if ending.endswith("gz") else data)
    comp = WordVectors.load(path)
    assert comp.words == vectors.words
    assert_array_equal(comp.vectors, vectors.vectors)


def test_numbers_that_look_like_newlines_and_spaces(tmp_path):
    array = np.frombuffer(b"\n\n \n    \n\n\n\n a\n ", dtype="<f4").reshape(2, 2)
    write_binary(tmp_path / "x.bin", Table(["a", "b"], array))
    assert_array_equal(read_binary(tmp_path / "x.bin").vectors, array)


def test_small_blocks_give_the_same(vectors, tmp_path, monkeypatch):
    write_binary(tmp_path / "x.bin", Table(vectors.words, vectors.vectors))
    monkeypatch.setattr("nw2v.vectors.binary._BYTES_AT_ONCE", 50)
    write_binary(tmp_path / "y.bin", Table(vectors.words, vectors.vectors))
    assert (tmp_path / "x.bin").read_bytes() == (tmp_path / "y.bin").read_bytes()
    for size in (1, 7, 64):
        monkeypatch.setattr(bounded_stream.BoundedStream.read, "__defaults__", (size,))
        table = read_binary(tmp_path / "x.bin")
        assert table.words == list(vectors.words)
        assert_array_equal(table.vectors, vectors.vectors)


ONE, NAN = np.array([1, 2], np.float32).tobytes(), np.array([1, np.nan], np.float32).tobytes()
DAMAGED = {
    "empty": (b"", "the file is empty"),
    "no header": (b"king " + ONE, "begins with a line of two numbers"),
    "half header": (b"2 2", "begins with a line of two numbers|needs at least"),
    "only header": (b"2 2\n", "needs at least 18 bytes, but the file is 4"),
    "hostile count": (b"99999999999 300\nking " + ONE, "needs at least"),
    "hostile dim": (b"1 99999999999\nking " + ONE, "at most 1,000,000 are read"),
    "endless": (b"9" * 5000 + b" 3\n", "line 1"),
    "no words": (b"0 3\n", "both must be at least 1"),
    "fewer": (b"2 2\nkingkingkingking " + ONE, r"the file ends in row 1 \(from 0\): it is cut"),
    "more": (b"1 2\nking " + ONE + b"queen " + ONE, "goes on after them"),
    "wrong dim": (b"2 1\nking " + ONE + b"queen " + ONE, "goes on after|no space|not UTF-8"),
    "nan": (b"2 2\nking " + ONE + b"queen " + NAN, r"the vector of 'queen' \(row 1.* has nan in"),
    "latin-1": (b"2 2\nking " + ONE + b"K\xf6ln " + ONE, r"row 1 \(from 0\): the word b'K.*UTF-8"),
    "no space": (b"1 2\n" + b"k" * 1_100_000, "no space within 1,000,000 bytes"),
    "text": (b"2 3\nking 0.1 0.2 0.3\nqueen 0.1 0.2 0.3\n", "text format, not the binary one"),
    "word2vec.c's text": (b"1 3\nking 0.100000 0.2 0.3 \n", "name it .txt or .vec"),
}


@pytest.mark.parametrize("case", DAMAGED)
def test_damaged(case, tmp_path):
    data, message = DAMAGED[case]
    path = tmp_path / "x.bin"
    path.write_bytes(data)
    with pytest.raises(InputError, match=message) as caught:
        WordVectors.load(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("dialect", ["gensim", "word2vec.c"])
def test_every_truncation_is_refused(vectors, tmp_path, dialect):
    vectors.save(tmp_path / "whole.bin")
    gensim = (tmp_path / "whole.bin").read_bytes()
    whole = gensim if dialect == "gensim" else word2vec_c(vectors)
    needed = len(whole) if dialect == "gensim" else len(whole) - 1  # the last newline is no loss
    for size in range(needed):
        (tmp_path / "x.bin").write_bytes(whole[:size])
        with pytest.raises(InputError):
            WordVectors.load(tmp_path / "x.bin")


@pytest.mark.filterwarnings("ignore")
@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_bytes_are_read_or_refused(data, vectors, tmp_path):
    content = bytearray(word2vec_c(vectors))
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(content)))
        end = data.draw(st.integers(start, min(start + 9, len(content))))
        content[start:end] = data.draw(st.binary(max_size=6) | st.sampled_from([b" ", b"\n", b"1"]))
    (tmp_path / "y.bin").write_bytes(bytes(content))
    try:
        WordVectors.load(tmp_path / "y.bin")
    except InputError as error:
        assert "\n" not in str(error)


def test_words_cut_within_a_letter(tmp_path):
    (tmp_path / "x.bin").write_bytes(b"1 2\n\xe5\xae " + ONE)
    assert WordVectors.load(tmp_path / "x.bin", encoding_errors="ignore").words == ("",)
    assert WordVectors.load(tmp_path / "x.bin", encoding_errors="replace").words == ("\ufffd",)
