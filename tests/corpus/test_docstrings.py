"""The documentation corpus, on small packages: its files, order, duplicates, workers, key."""

from __future__ import annotations

import importlib.metadata
import io
import subprocess
import sys
from pathlib import Path

import pytest

from nw2v.corpus import docstrings
from nw2v.corpus.docstrings import package_folders, source_files, unique_sentences


@pytest.fixture
def package(tmp_path, monkeypatch):
    """An importable package that must never be imported."""
    files = {
        "__init__.py": 'raise SystemExit\n"""The text of the package."""\n',
        "b.py": '"""The text of the first file. It says a second thing."""\n',
        "a/deep.py": '"""A text in a folder. The text of the package."""\n',
        "c.py": '"""It says a second thing. Nobody says it twice."""\n',
        "bad.py": "def (:\n",
        "invalid_escape.py": '"""This \\d is no escape."""\n',
        "notes.txt": "The text of no source.\n",
        "tests/test_b.py": '"""The text of a test."""\n',
        "_vendor/other.py": '"""The text of a copy."""\n',
        "x_pb2.py": '"""The text of a generated file."""\n',
    }
    for name, text in files.items():
        path = tmp_path / "documented_package" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path / "documented_package"


EXPECTED = [
    "the text of the package",
    "a text in a folder",
    "the text of the first file",
    "it says a second thing",
    "nobody says it twice",
    "this is no escape",
]


def test_files_are_found_without_importing(package):
    found = source_files(["documented_package"])
    names = [path.relative_to(package).as_posix() for path in found]
    assert names == ["__init__.py", "a/deep.py", "b.py", "bad.py", "c.py", "invalid_escape.py"]
    assert "documented_package" not in sys.modules


def test_absent_and_odd_packages_have_no_files(package):
    assert package_folders("no_such_package_at_all") == []
    assert package_folders("documented_package.absent") == []
    assert package_folders("documented_package.a") == [package / "a"]
    assert package_folders("time") == []  # built in, without a source
    (package.parent / "one_module.py").write_text("")
    assert package_folders("one_module") == [package.parent / "one_module.py"]
    assert source_files([]) == []


@pytest.mark.parametrize("workers", [None, 0, 1, 3, 50])
def test_sentences_come_once_and_in_order(package, workers):
    calls = []
    found = unique_sentences(
        source_files(["documented_package"]), lambda *call: calls.append(call), workers
    )
    assert list(found) == EXPECTED
    assert calls == [(done, 6) for done in range(1, 7)]


def test_workers_change_nothing_on_a_real_package():
    files = source_files(["json"])
    assert len(files) >= 5
    alone = list(unique_sentences(files, workers=0))
    assert alone == list(unique_sentences(files, workers=2))
    assert len(alone) > 50
    assert len(set(alone)) == len(alone)
    assert any("json" in sentence.split() for sentence in alone)


def test_generated_sentences_of_one_form_are_limited(tmp_path):
    words = [a + b for a in "abcdefgh" for b in "stuvwxyz"]
    source = tmp_path / "generated.py"
    source.write_text(
        "".join(f'"""Deserializes the {word} kind from a dictionary."""\n' for word in words)
    )
    assert len(list(unique_sentences([source]))) == docstrings._MOST_OF_ONE_FORM


def test_a_worker_that_dies_is_an_error(package, monkeypatch, tmp_path):
    script = tmp_path / "dies.py"
    script.write_text("import sys; sys.stdin.readline(); sys.exit(3)\n")
    monkeypatch.setattr(docstrings.docstring_prose, "__file__", str(script))
    with pytest.raises(RuntimeError, match=r"a worker .* ended"):
        list(unique_sentences(source_files(["documented_package"]), workers=2))


@pytest.mark.parametrize("executable", ["", "/no/such/python"])
def test_without_workers_the_files_are_read_here(package, monkeypatch, executable):
    monkeypatch.setattr(sys, "executable", executable)
    assert list(unique_sentences(source_files(["documented_package"]), workers=2)) == EXPECTED


def test_stopping_early_ends_the_workers(package):
    found = unique_sentences(source_files(["documented_package"]), workers=2)
    assert next(found) == EXPECTED[0]
    found.close()


# No `if __name__ == "__main__"` in these on purpose.
_CALL = """
from nw2v.corpus.docstrings import source_files, unique_sentences
print(len(list(unique_sentences(source_files(["json"]), workers=2))))
"""


@pytest.mark.parametrize("way", ["command", "script", "standard input"])
def test_it_works_without_a_guarded_main_module(way, tmp_path):
    script = tmp_path / "script.py"
    script.write_text(_CALL)
    arguments = {"command": ["-c", _CALL], "script": [str(script)], "standard input": ["-"]}[way]
    root = Path(docstrings.__file__).parents[2]
    ended = subprocess.run(
        [sys.executable, *arguments],
        input=_CALL,
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(root)},
        check=True,
    )
    assert int(ended.stdout) > 50
    assert ended.stderr == ""


def test_the_standard_library_and_the_listed_packages_are_read(monkeypatch, package):
    monkeypatch.setattr(docstrings, "PACKAGES", (("documented_package", "no-distribution"),))
    names = {path.name for path in source_files()}
    assert {"argparse.py", "deep.py"} <= names
    assert "test_b.py" not in names
    assert not any("site-packages" in path.parts[:-1] for path in source_files()[:50])


def test_write_gives_a_sentence_a_line(monkeypatch, package):
    files = source_files(["documented_package"])
    monkeypatch.setattr(docstrings, "source_files", lambda: files)
    file = io.BytesIO()
    docstrings.write(file, Path("unused"))
    assert file.getvalue().decode() == "".join(f"{sentence}\n" for sentence in EXPECTED)


def test_the_key_follows_versions(monkeypatch, package):
    monkeypatch.setattr(docstrings, "_versions", docstrings._versions.__wrapped__)
    monkeypatch.setattr(docstrings, "PACKAGES", (("documented_package", "some-distribution"),))
    keys = {docstrings.key()}
    monkeypatch.setattr(importlib.metadata, "version", lambda name: "1.0")
    keys.add(docstrings.key())
    assert docstrings.key() in keys
    monkeypatch.setattr(importlib.metadata, "version", lambda name: "1.1")
    keys.add(docstrings.key())
    monkeypatch.setattr(docstrings.platform, "python_version", lambda: "3.99.0")
    keys.add(docstrings.key())
    monkeypatch.setattr(docstrings, "EXTRACTOR_VERSION", -1)
    keys.add(docstrings.key())
    monkeypatch.setattr(docstrings, "PACKAGES", ())
    keys.add(docstrings.key())
    assert len(keys) == 6
    assert all(len(key) == 16 and int(key, 16) >= 0 for key in keys)
