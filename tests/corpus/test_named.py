"""Named corpora: made once, whole or not at all, open to other packages, clear about mistakes."""

from __future__ import annotations

import importlib.metadata
import sys

import pytest

from nw2v.corpus import docstrings, downloads, kjv, named
from nw2v.corpus.named import NamedCorpus, NamedText, corpus_names, materialise
from nw2v.errors import InputError


class Fake:
    """A corpus that counts how often it is made."""

    def __init__(self, text: bytes = b"the first sentence\nthe second one\n", key: str = "1.0"):
        self.text = text
        self.version = key
        self.made = 0
        self.corpus = NamedCorpus("a fake corpus", lambda: self.version, self.write)

    def write(self, file, cache_dir, progress):
        self.made += 1
        file.write(self.text)
        if progress is not None:
            progress(1, 1)


@pytest.fixture
def fake(monkeypatch):
    fake = Fake()
    monkeypatch.setitem(named._OWN, "fake", fake.corpus)
    return fake


def offer(monkeypatch, name: str, value: str) -> None:
    point = importlib.metadata.EntryPoint(name, value, "nw2v.corpora")
    found = importlib.metadata.EntryPoints([point])
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda **given: found.select(**given))


def test_the_names():
    assert corpus_names()[:3] == ["docstrings", "kjv", "text8"]
    assert set(downloads.DOWNLOADS) < set(corpus_names())


def test_a_text_is_made_once(fake, tmp_path):
    calls = []
    text = materialise("fake", tmp_path / "cache", lambda *call: calls.append(call))
    assert text == NamedText("fake", tmp_path / "cache" / "named" / "fake-1.0" / "text.txt")
    assert text.path.read_bytes() == fake.text
    assert materialise("fake", tmp_path / "cache") == text
    assert fake.made == 1
    assert calls == [(1, 1)]


def test_another_key_is_another_text(fake, tmp_path):
    first = materialise("fake", tmp_path)
    fake.version = "1.1"
    assert materialise("fake", tmp_path).path != first.path
    assert fake.made == 2


def test_a_text_that_was_deleted_is_made_again(fake, tmp_path):
    materialise("fake", tmp_path).path.unlink()
    assert materialise("fake", tmp_path).path.is_file()


@pytest.mark.parametrize("error", [KeyboardInterrupt, InputError("no network"), OSError("full")])
def test_a_failure_leaves_nothing_behind(fake, tmp_path, monkeypatch, error):
    def fail(file, cache_dir, progress):
        file.write(b"half a text")
        raise error

    monkeypatch.setitem(named._OWN, "fake", NamedCorpus("", lambda: "1.0", fail))
    with pytest.raises((KeyboardInterrupt, InputError)):
        materialise("fake", tmp_path)
    assert not list((tmp_path / "named").iterdir())
    monkeypatch.setitem(named._OWN, "fake", fake.corpus)
    assert materialise("fake", tmp_path).path.read_bytes() == fake.text


def test_an_empty_text_is_an_error(fake, tmp_path):
    fake.text = b""
    with pytest.raises(InputError, match="corpus fake: no text was found"):
        materialise("fake", tmp_path)
    assert not list((tmp_path / "named").iterdir())


def test_a_cache_that_cannot_be_written(fake, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=f"cannot write the cache in {tmp_path}/file/named"):
        materialise("fake", tmp_path / "file")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("docstring", r"no corpus is named 'docstring'; did you mean docstrings\? There are: doc"),
        ("qqq", "no corpus is named 'qqq'; There are: docstrings, kjv, text8"),
        ("", "no corpus is named ''"),
    ],
)
def test_an_unknown_name(name, expected, tmp_path):
    with pytest.raises(InputError, match=expected) as raised:
        materialise(name, tmp_path)
    assert str(raised.value).endswith("use corpus=file corpus.path=FILE")
    assert not list(tmp_path.iterdir())


@pytest.fixture
def other_package(tmp_path, monkeypatch):
    (tmp_path / "other_package.py").write_text(
        "from nw2v.corpus.named import NamedCorpus\n"
        "def write(file, cache_dir, progress):\n"
        "    file.write('der süße text\\n'.encode())\n"
        "corpus = NamedCorpus('a text', lambda: '7', write)\n"
        "wrong = 'no corpus'\n",
        encoding="utf-8",
    )
    monkeypatch.syspath_prepend(tmp_path)
    yield
    sys.modules.pop("other_package", None)


def test_other_packages_may_offer_corpora(other_package, monkeypatch, tmp_path):
    offer(monkeypatch, "german", "other_package:corpus")
    assert corpus_names()[-1] == "german"
    text = materialise("german", tmp_path)
    assert text.path.parent.name == "german-7"
    assert text.path.read_text(encoding="utf-8") == "der süße text\n"


def test_other_packages_cannot_replace_our_own(other_package, monkeypatch):
    offer(monkeypatch, "docstrings", "other_package:corpus")
    assert corpus_names().count("docstrings") == 1
    assert named.named_corpus("docstrings").write is docstrings.write


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("other_package:wrong", "is a str, not a nw2v.corpus.named.NamedCorpus"),
        ("other_package:absent", "cannot load the entry point other_package:absent .Attribute"),
        ("no_such_package:corpus", "cannot load .* .ModuleNotFoundError: No module named"),
    ],
)
def test_broken_offers_are_said(other_package, monkeypatch, tmp_path, value, expected):
    offer(monkeypatch, "broken", value)
    with pytest.raises(InputError, match=f"corpus broken: .*{expected}"):
        materialise("broken", tmp_path)


def test_docstrings_by_name(monkeypatch, tmp_path):
    json_files = docstrings.source_files(["json"])
    monkeypatch.setattr(docstrings, "source_files", lambda: json_files)
    lines = materialise("docstrings", tmp_path).path.read_text(encoding="utf-8").splitlines()
    assert len(lines) > 50
    assert all(line == line.lower() and len(line.split()) >= 3 for line in lines)


def test_kjv_by_name_without_its_package(monkeypatch, tmp_path):
    monkeypatch.setattr(kjv.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError, match="needs the extra"):
        materialise("kjv", tmp_path)
    assert not list(tmp_path.iterdir())
