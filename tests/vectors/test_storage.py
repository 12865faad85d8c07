"""Which format a name stands for, names that lie, and formats of other packages."""

from __future__ import annotations

import gzip
import io
import os
import types
from importlib.metadata import EntryPoint
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from nw2v.errors import InputError
from nw2v.vectors import WordVectors, storage

ENDINGS = [".txt", ".vec", ".bin", ".safetensors", ".parquet"]


@pytest.mark.parametrize("ending", [*ENDINGS, ".TXT", ".Bin"])
def test_every_ending_goes_there_and_back(vectors, ending, tmp_path):
    path = tmp_path / ("model.of.me" + ending)
    vectors.save(str(path))
    comp = WordVectors.load(str(path))
    assert comp.words == vectors.words
    assert_array_equal(comp.vectors, vectors.vectors)
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("ending", [".txt", ".vec", ".bin"])
def test_gzip_is_read_but_not_written(vectors, ending, tmp_path):
    vectors.save(tmp_path / ("x" + ending))
    packed = tmp_path / ("x" + ending + ".gz")
    packed.write_bytes(gzip.compress((tmp_path / ("x" + ending)).read_bytes()))
    assert_array_equal(WordVectors.load(packed).vectors, vectors.vectors)
    with pytest.raises(InputError, match=f"files can only be read; write {ending}, then compress"):
        vectors.save(packed)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("x.safetensor", "did you mean .safetensors?"),
        ("x.paquet", "did you mean .parquet?"),
        ("x.pkl", "the ending '.pkl' is no known vectors format"),
        ("x", "the ending '' is no known vectors format"),
        (".txt/x", "the ending '' is no known|cannot"),
        ("x.gz", "the ending '.gz' is no known"),
    ],
)
def test_unknown_ending(vectors, name, message, tmp_path):
    with pytest.raises(InputError, match=message):
        vectors.save(tmp_path / name)
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_bytes(b"x")
    with pytest.raises(InputError, match=message):
        WordVectors.load(tmp_path / name)


def npz(vectors):
    buffer = io.BytesIO()
    np.savez(buffer, vectors.vectors)
    return buffer.getvalue()


@pytest.mark.parametrize("wrong", ENDINGS)
@pytest.mark.parametrize("right", [*ENDINGS, "gzip", "npz", "pickle", "fasttext"])
def test_files_with_a_wrong_ending(vectors, wrong, right, tmp_path):
    if right in ENDINGS:
        vectors.save(tmp_path / ("y" + right))
        data = (tmp_path / ("y" + right)).read_bytes()
    else:
        data = {
            "gzip": gzip.compress(b"2 3\n"),
            "npz": npz(vectors),
            "pickle": b"\x80\x04\x95\x10\0\0\0\0\0\0\0",
            "fasttext": b"\xba\x16\x4f\x2f\x0c\0\0\0",
        }[right]
    path = tmp_path / ("x" + wrong)
    path.write_bytes(data)
    if right == wrong or {right, wrong} == {".txt", ".vec"}:
        WordVectors.load(path)
        return
    message = {
        ".txt": "text format" if wrong == ".bin" else "no whole",
        ".vec": "text format" if wrong == ".bin" else "no whole",
        ".bin": "binary format" if wrong in (".txt", ".vec") else "no whole",
        ".safetensors": "is in safetensors format: name it .safetensors",
        ".parquet": "is a Parquet file: name it .parquet",
        "gzip": "compressed with gzip",
        "npz": "a zip archive",
        "pickle": "a Python pickle, which can run any code and is never opened",
        "fasttext": "a fastText model: use the .vec file",
    }[right]
    with pytest.raises(InputError, match=message) as caught:
        WordVectors.load(path)
    assert str(path) in str(caught.value)


def test_missing_files_and_folders(tmp_path):
    with pytest.raises(InputError, match=r"cannot read .*x.bin: no such file"):
        WordVectors.load(tmp_path / "x.bin")
    with pytest.raises(InputError, match="no such file"):
        WordVectors.load("x\0.bin")
    with pytest.raises(InputError, match=r"cannot read x.*: File name too long"):
        WordVectors.load("x" * 5000 + ".bin")
    with pytest.raises(InputError, match=r"no model.safetensors in it"):
        WordVectors.load(tmp_path)


@pytest.mark.parametrize("ending", ENDINGS)
def test_places_that_cannot_be_written(vectors, ending, tmp_path):
    with pytest.raises(InputError, match="cannot write"):
        vectors.save(tmp_path / "absent" / ("x" + ending))
    (tmp_path / ("x" + ending)).mkdir()
    with pytest.raises(InputError, match="cannot write"):
        vectors.save(tmp_path / ("x" + ending))
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(InputError, match="cannot write"):
        vectors.save(tmp_path / "file" / ("x" + ending))


@pytest.mark.skipif(os.name != "posix" or os.geteuid() == 0, reason="root may read and write all")
def test_forbidden_places(vectors, tmp_path):
    vectors.save(tmp_path / "x.txt")
    (tmp_path / "x.txt").chmod(0)
    with pytest.raises(InputError, match=r"cannot read .*Permission denied"):
        WordVectors.load(tmp_path / "x.txt")
    tmp_path.chmod(0o500)
    with pytest.raises(InputError, match=r"cannot write .*Permission denied"):
        vectors.save(tmp_path / "y.txt")


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_failure_leaves_the_old_file(vectors, ending, tmp_path):
    path = tmp_path / ("x" + ending)
    vectors.save(path)
    before = path.read_bytes()
    with pytest.raises(InputError):
        WordVectors(["good", "\ud800 \n"], np.ones((2, 2))).save(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("ending", [".txt", ".bin"])
def test_repeated_words_are_warned_of(ending, tmp_path):
    path = tmp_path / ("x" + ending)
    if ending == ".txt":
        path.write_bytes(b"3 1\na 1\nb 2\na 3\n")
    else:
        one, two, three = (np.array([x], np.float32).tobytes() for x in (1, 2, 3))
        path.write_bytes(b"3 1\na " + one + b"b " + two + b"a " + three)
    with pytest.warns(UserWarning, match=r"1 row repeats a word \(the first is 'a'\)"):
        comp = WordVectors.load(path)
    assert comp.words == ("a", "b")
    assert_array_equal(comp.vectors, [[1], [2]])


def test_only_a_run_has_outside_vectors(vectors, tmp_path):
    vectors.save(tmp_path / "x.bin")
    with pytest.raises(InputError, match="vectors='outside' needs the run's folder"):
        WordVectors.load(tmp_path / "x.bin", vectors="outside")
    with pytest.raises(InputError, match="vectors is 'both'; expected center, outside or sum"):
        WordVectors.load(tmp_path / "x.bin", vectors="both")
    with pytest.raises(InputError, match="encoding_errors is 'x'"):
        WordVectors.load(tmp_path / "x.bin", encoding_errors="x")


@pytest.mark.parametrize(
    ("name", "ending"),
    [
        ("word2vec_pre_kv_c", ".txt"),  # written by word2vec.c
        ("lee_fasttext.vec", ".vec"),
        ("test_glove.txt", ".txt"),
        ("EN.1-10.cbow1_wind5_hs0_neg10_size300_smpl1e-05.txt", ".txt"),
        ("high_precision.kv.txt", ".txt"),
        ("euclidean_vectors.bin", ".bin"),
        ("high_precision.kv.bin", ".bin"),
    ],
)
def test_files_of_other_programs_are_read_as_gensim_reads_them(name, ending, tmp_path):
    gensim = pytest.importorskip("gensim.test")
    theirs = Path(gensim.__file__).parent / "test_data" / name
    if not theirs.is_file():
        pytest.skip(f"this gensim comes without {name}")
    from gensim.models import KeyedVectors

    data = theirs.read_bytes()
    ours = tmp_path / ("x" + ending)
    ours.write_bytes(data)
    headed = tmp_path / "headed"  # gensim reads a file without header too, but leaves it open
    headed.write_bytes(b"76 50\n" * ("glove" in name) + data)
    ref = KeyedVectors.load_word2vec_format(str(headed), binary=ending == ".bin")
    comp = WordVectors.load(ours)
    assert list(comp.words) == ref.index_to_key
    np.testing.assert_array_max_ulp(comp.vectors, ref.vectors, 1)  # gensim rounds text twice


# A format of another package


def read_lines(path):
    lines = path.read_text().splitlines()
    return [line.split(";")[0] for line in lines], [[float(line.split(";")[1])] for line in lines]


def write_lines(path, table):
    path.write_text(
        "".join(f"{w};{v[0]}\n" for w, v in zip(table.words, table.vectors, strict=True))
    )


SEMICOLONS = (read_lines, write_lines)
READ_ONLY = (read_lines, None)
WRITE_ONLY = (None, write_lines)
NO_PAIR = read_lines


@pytest.fixture
def added(monkeypatch):
    """Let an entry point of this name and object be found, as if a package had it."""

    def add(name, attribute):
        monkeypatch.setitem(
            __import__("sys").modules,
            "a_package",
            types.SimpleNamespace(
                SEMICOLONS=SEMICOLONS,
                READ_ONLY=READ_ONLY,
                WRITE_ONLY=WRITE_ONLY,
                NO_PAIR=NO_PAIR,
            ),
        )
        point = EntryPoint(name, f"a_package:{attribute}", storage.ENTRY_POINT_GROUP)
        monkeypatch.setattr(
            storage, "entry_points", lambda group: [point] * (group == storage.ENTRY_POINT_GROUP)
        )

    return add


@pytest.mark.parametrize("name", [".semi", "semi", "SEMI"])
def test_a_format_of_another_package(added, name, tmp_path):
    added(name, "SEMICOLONS")
    assert ".semi" in storage.vector_formats()
    WordVectors(["a", "b"], [[1], [2]]).save(tmp_path / "x.semi")
    comp = WordVectors.load(tmp_path / "x.semi")
    assert comp.words == ("a", "b")
    assert_array_equal(comp.vectors, [[1], [2]])


def test_what_another_package_reads_is_checked(added, tmp_path):
    added("semi", "SEMICOLONS")
    (tmp_path / "x.semi").write_text("a;1\nb;nan\n")
    with pytest.raises(InputError, match=r"x.semi: vectors: the vector of 'b'"):
        WordVectors.load(tmp_path / "x.semi")
    (tmp_path / "x.semi").write_text("a;1\na;2\n")
    with pytest.warns(UserWarning, match="1 row repeats a word"):
        assert len(WordVectors.load(tmp_path / "x.semi")) == 1
    (tmp_path / "x.semi").write_text("")
    with pytest.raises(InputError, match="holds no words"):
        WordVectors.load(tmp_path / "x.semi")


def test_half_a_format(added, tmp_path):
    (tmp_path / "x.semi").write_text("a;1\n")
    added("semi", "READ_ONLY")
    with pytest.raises(InputError, match=r".semi files can only be read"):
        WordVectors.load(tmp_path / "x.semi").save(tmp_path / "y.semi")
    added("semi", "WRITE_ONLY")
    with pytest.raises(InputError, match=r".semi files can be written, but not read"):
        WordVectors.load(tmp_path / "x.semi")


@pytest.mark.parametrize("attribute", ["NO_PAIR", "ABSENT"])
def test_a_broken_package(added, attribute, tmp_path):
    added("semi", attribute)
    with pytest.raises(InputError, match=r"the vectors format 'semi' \(a_package:.*cannot be used"):
        WordVectors(["a"], [[1]]).save(tmp_path / "x.semi")


def test_another_package_cannot_take_an_ending_of_ours(added, vectors, tmp_path):
    added("txt", "WRITE_ONLY")
    vectors.save(tmp_path / "x.txt")
    assert WordVectors.load(tmp_path / "x.txt").words == vectors.words
