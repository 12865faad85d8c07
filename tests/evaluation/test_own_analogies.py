"""The package's own analogy set: what its README promises, read from the files alone."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import nw2v

DATA = Path(nw2v.__file__).parent / "evaluation" / "data"
FILES = sorted((DATA / "relations").glob("*.tsv"))
NAMES = [path.stem for path in FILES]

Pairs = list[tuple[str, list[str]]]


def read_pairs(path: Path) -> Pairs:
    lines = path.read_bytes().decode("ascii").splitlines()
    rows = [line.split("\t") for line in lines if not line.startswith("#")]
    assert all(len(row) == 2 for row in rows), f"{path.name}: a line is not word<TAB>answers"
    return [(word, answers.split("/")) for word, answers in rows]


def test_set_is_large_enough() -> None:
    assert len(FILES) >= 20
    assert sum(len(read_pairs(path)) for path in FILES) >= 1200


def test_folder_holds_nothing_else() -> None:
    assert sorted((DATA / "relations").iterdir()) == FILES


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_file_is_lower_case_ascii_with_one_sentence_on_top(path: Path) -> None:
    content = path.read_bytes()
    assert content.isascii()
    assert b"\r" not in content
    assert content.endswith(b"\n")
    first, *rest = content.decode("ascii").splitlines()
    assert re.fullmatch(r"# [A-Z].*\.", first), "the first line says the relation in a sentence"
    for line in rest:
        assert re.fullmatch(r"[a-z]+\t[a-z]+(/[a-z]+)*", line), line


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_relation_has_enough_pairs(path: Path) -> None:
    assert re.fullmatch(r"[a-z]+(-[a-z]+)*", path.stem)
    assert len(read_pairs(path)) >= 20


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_no_pair_twice_and_no_word_to_itself(path: Path) -> None:
    pairs = [(word, answer) for word, answers in read_pairs(path) for answer in answers]
    assert len(set(pairs)) == len(pairs)
    assert [pair for pair in pairs if pair[0] == pair[1]] == []


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_word_stands_in_one_place(path: Path) -> None:
    # Were it in two, some question's answer would be one of the words it is asked with.
    words = [w for word, answers in read_pairs(path) for w in (word, *answers)]
    assert sorted(w for w in set(words) if words.count(w) > 1) == []


def test_no_pair_stands_in_two_relations() -> None:
    owners: dict[tuple[str, str], list[str]] = {}
    for path in FILES:
        for word, answers in read_pairs(path):
            for answer in answers:
                owners.setdefault((word, answer), []).append(path.stem)
    assert {pair: names for pair, names in owners.items() if len(names) > 1} == {}


def test_readme_counts_the_pairs() -> None:
    readme = (DATA / "README.md").read_text(encoding="utf-8")
    told = re.findall(r"^\| ([a-z-]+) \| (\d+) \|", readme, flags=re.MULTILINE)
    counted = [(path.stem, str(len(read_pairs(path)))) for path in FILES]
    assert told == counted
    total = sum(int(count) for _, count in counted)
    assert f"{total:,} pairs of words in {len(FILES)} relations" in readme
    assert f"| **all {len(FILES)}** | **{total:,}** |" in readme
