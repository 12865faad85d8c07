"""The .parquet format: pandas reads ours, we read other writers' dialects, damage is refused."""

from __future__ import annotations

import itertools

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from nw2v.errors import InputError
from nw2v.vectors import WordVectors, parquet
from nw2v.vectors.parquet import read_parquet, write_parquet
from nw2v.vectors.table import Table


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_round_trip(data, tables, tmp_path):
    words, array = data.draw(tables)
    words = [word.replace("x", " \n") for word in words]
    counts = np.arange(len(words)) if data.draw(st.booleans()) else None
    write_parquet(tmp_path / "x.parquet", Table(words, array, counts))
    comp = read_parquet(tmp_path / "x.parquet")
    assert comp.words == words
    assert_array_equal(comp.vectors.view(np.uint32), array.view(np.uint32))
    if counts is None:
        assert comp.counts is None
    else:
        assert_array_equal(comp.counts, counts)


def test_pandas_reads_it(vectors, tmp_path):
    vectors.save(tmp_path / "x.parquet")
    frame = pd.read_parquet(tmp_path / "x.parquet")
    assert list(frame.columns) == ["word", "vector", "count"]
    assert list(frame["word"]) == list(vectors.words)
    assert list(frame["count"]) == list(vectors.counts)
    assert_array_equal(np.stack(list(frame["vector"])), vectors.vectors)
    assert frame["vector"][0].dtype == np.float32


def test_several_row_groups_and_batches(monkeypatch, tmp_path):
    array = np.random.default_rng(0).standard_normal((50, 3)).astype(np.float32)
    vectors = WordVectors([f"w{i}" for i in range(50)], array, np.arange(50))
    monkeypatch.setattr(parquet, "_NUMBERS_AT_ONCE", 21)
    vectors.save(tmp_path / "x.parquet")
    assert pq.ParquetFile(tmp_path / "x.parquet").metadata.num_row_groups == 8
    for size in (3, 21, 1000):
        monkeypatch.setattr(parquet, "_NUMBERS_AT_ONCE", size)
        comp = WordVectors.load(tmp_path / "x.parquet")
        assert comp.words == vectors.words
        assert_array_equal(comp.vectors, array)
        assert_array_equal(comp.counts, np.arange(50))


def lists_of(kind, array):
    values = pa.array(array.ravel())
    if kind == "fixed":
        return pa.FixedSizeListArray.from_arrays(values, array.shape[1])
    return pa.array(
        array.tolist(), pa.large_list(values.type) if kind == "large" else pa.list_(values.type)
    )


@pytest.mark.parametrize(
    ("kind", "dtype"), [*itertools.product(("list", "large", "fixed"), (np.float32, np.float64))]
)
@pytest.mark.parametrize("words_type", [pa.string(), pa.large_string(), "dictionary"])
@pytest.mark.parametrize("options", [{}, {"compression": "zstd", "data_page_version": "2.0"}])
def test_dialects(kind, dtype, words_type, options, tmp_path):
    array = np.random.default_rng(0).standard_normal((5, 3)).astype(dtype)
    words = pa.array(list("abcde"))
    words = words.dictionary_encode() if words_type == "dictionary" else words.cast(words_type)
    columns = {"note": pa.array([1] * 5), "vector": lists_of(kind, array), "word": words}
    pq.write_table(pa.table(columns), tmp_path / "x.parquet", **options)
    comp = WordVectors.load(tmp_path / "x.parquet")
    assert comp.words == tuple("abcde")
    assert_array_equal(comp.vectors, array.astype(np.float32))
    assert comp.counts is None


def test_pandas_writes_it(tmp_path):
    frame = pd.DataFrame({"word": ["a", "b"], "vector": [[1.0, 2.0], [3.0, 4.0]], "count": [7, 5]})
    frame.to_parquet(tmp_path / "x.parquet")
    comp = WordVectors.load(tmp_path / "x.parquet")
    assert comp.words == ("a", "b")
    assert_array_equal(comp.vectors, [[1, 2], [3, 4]])
    assert_array_equal(comp.counts, [7, 5])


WRONG = {
    "no vector": ({"word": ["a"], "v": [[1.0]]}, r"no column 'vector' \(columns: word, v\)"),
    "no word": ({"vector": [[1.0]]}, "no column 'word'"),
    "numbers": ({"word": [1, 2], "vector": [[1.0], [2.0]]}, "column word is of type int64"),
    "bytes": ({"word": [b"a"], "vector": [[1.0]]}, "column word is of type binary"),
    "no list": ({"word": ["a"], "vector": [1.0]}, "column vector is of type double"),
    "list of int": ({"word": ["a"], "vector": [[1]]}, r"column vector is of type list<.*int64"),
    "null word": (
        {"word": ["a", None], "vector": [[1.0], [2.0]]},
        r"row 1 \(from 0\): word is null",
    ),
    "null vector": (
        {"word": ["a", "b", "c"], "vector": [[1.0, 2.0], None, [3.0]]},
        "equally many|row 1 .*: vector is null",
    ),
    "null number": ({"word": ["a", "b"], "vector": [[1.0], [None]]}, "a vector has null in it"),
    "ragged": (
        {"word": ["a", "b"], "vector": [[1.0, 2.0], [3.0]]},
        "every vector must have equally",
    ),
    "ragged by chance": (
        {"word": ["a", "b"], "vector": [[1.0, 2.0, 3.0], [3.0]]},
        r"row 0 \(from 0\): a vector of 3 numbers; expected 2",
    ),
    "nan": ({"word": ["a", "b"], "vector": [[1.0], [np.nan]]}, "'b' .* has nan"),
    "large": ({"word": ["a", "b"], "vector": [[1.0], [1e300]]}, "'b' .* has inf"),
    "count": (
        {"word": ["a", "b"], "vector": [[1.0], [2.0]], "count": [1, None]},
        r"row 1 \(from 0\): count is null",
    ),
    "negative": (
        {"word": ["a", "b"], "vector": [[1.0], [2.0]], "count": [1, -1]},
        r"counts\[1\] is -1",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_columns(case, tmp_path):
    columns, message = WRONG[case]
    path = tmp_path / "x.parquet"
    pq.write_table(pa.table(columns), path)
    with pytest.raises(InputError, match=message) as caught:
        WordVectors.load(path)
    assert str(path) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_no_rows(tmp_path):
    schema = pa.schema({"word": pa.string(), "vector": pa.list_(pa.float32(), 3)})
    pq.write_table(schema.empty_table(), tmp_path / "x.parquet")
    with pytest.raises(InputError, match="the file holds no vectors"):
        WordVectors.load(tmp_path / "x.parquet")


@pytest.mark.parametrize("use_dictionary", [True, False])
def test_a_file_that_swells_too_much_is_refused(use_dictionary, tmp_path, monkeypatch):
    monkeypatch.setattr(parquet, "ALWAYS_ALLOWED", 1000)
    words = [f"w{i}" for i in range(1000)]
    columns = {"word": words, "vector": lists_of("fixed", np.ones((1000, 1000), np.float32))}
    path = tmp_path / "x.parquet"
    pq.write_table(pa.table(columns), path, compression="zstd", use_dictionary=use_dictionary)
    with pytest.raises(InputError, match="more than 100 times its size"):
        WordVectors.load(path)


def test_a_long_word_repeated_is_held_once(tmp_path):
    # 20,000 times 1 MB in 100 kB of file
    words = pa.DictionaryArray.from_arrays(np.zeros(20_000, np.int32), ["x" * 1_000_000])
    array = np.random.default_rng(0).standard_normal((20_000, 1)).astype(np.float32)
    path = tmp_path / "x.parquet"
    pq.write_table(pa.table({"word": words, "vector": lists_of("fixed", array)}), path)
    with pytest.warns(UserWarning, match="19,999 rows repeat a word") as caught:
        comp = WordVectors.load(path)
    assert len(comp) == 1
    assert len(str(caught[0].message)) < 500


def test_truncation_is_refused(vectors, tmp_path):
    vectors.save(tmp_path / "whole.parquet")
    whole = (tmp_path / "whole.parquet").read_bytes()
    for size in {*range(0, len(whole), 5), *range(len(whole) - 20, len(whole))}:
        (tmp_path / "x.parquet").write_bytes(whole[:size])
        with pytest.raises(InputError):
            WordVectors.load(tmp_path / "x.parquet")


def test_a_footer_whose_parts_do_not_fit_is_refused(vectors, tmp_path):
    """One whose list has other levels than its statistics: asked of a column, pyarrow aborts."""
    vectors.save(tmp_path / "x.parquet")
    content = bytearray((tmp_path / "x.parquet").read_bytes())
    required, optional, then_the_name = b"\x25\x00", b"\x25\x02", b"\x18\x07element"
    assert content.count(required + then_the_name) == 1
    content = content.replace(required + then_the_name, optional + then_the_name)
    (tmp_path / "y.parquet").write_bytes(bytes(content))
    with pytest.raises(InputError, match="histogram size mismatch"):
        WordVectors.load(tmp_path / "y.parquet")


@pytest.mark.filterwarnings("ignore:.*repeat a word")
@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_bytes_are_read_or_refused(data, vectors, tmp_path):
    vectors.save(tmp_path / "x.parquet")
    content = bytearray((tmp_path / "x.parquet").read_bytes())
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    (tmp_path / "y.parquet").write_bytes(bytes(content))
    try:
        WordVectors.load(tmp_path / "y.parquet")
    except InputError as error:
        assert "\n" not in str(error)


def test_a_word_without_utf8_form_cannot_be_written(tmp_path):
    with pytest.raises(InputError, match="no UTF-8 form"):
        WordVectors(["\ud800"], [[1]]).save(tmp_path / "x.parquet")
    assert not list(tmp_path.iterdir())
