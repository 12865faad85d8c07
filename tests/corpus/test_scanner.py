from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from nw2v.corpus.scanner import (
    CASE_BIT,
    STRETCH,
    WordTable,
    enlarged,
    new_state,
    new_table,
    punctuated_tokens,
    renumber,
    scan_block,
)
from nw2v.jit.byte_groups import GROUP

words = st.text(st.sampled_from("abcABé"), min_size=1, max_size=40) | st.sampled_from(
    ["abcdefgh", "abcdefghi", "abcdefgh" * 2, "abcdefgh" * 2 + "i", "abcdefgh" * 3, "x" * 300]
)
BLANKS = "\x00\t\x0b \x1f\x7f\x80\x85\xa0\u1680\u2000\u200a\u200b\u2028\u2029\u202f\u205f\u3000"
texts = st.text(st.sampled_from("ab9'’é\u0301-_.\n\r中🙂\ufeff\u1681\u3001" + BLANKS)) | st.text()


def scan(
    text: str, table: WordTable, lowercase: bool = False
) -> tuple[list[int], list[int], int, WordTable]:
    data = np.frombuffer(text.encode(), dtype=np.uint8)
    state = new_state(len(data))
    while not scan_block(data, CASE_BIT if lowercase else 0, table, state):
        table = enlarged(table, len(data))
    reached, found, lines, blanks = state.reached[:4].tolist()
    assert reached == len(data)
    return state.ids[:found].tolist(), state.line_ends[:lines].tolist(), blanks, table


def entries(table: WordTable) -> list[str]:
    used = table.used[0]
    return table.arena[: table.starts[used]].tobytes().decode().split("\n")[:-1]


@given(st.lists(st.lists(words), max_size=20), st.booleans())
@settings(max_examples=200)
def test_ids_and_line_ends(lines: list[list[str]], lowercase: bool) -> None:
    text = "\n".join(map(" ".join, lines)) + "\n"
    ids, line_ends, blanks, table = scan(text, new_table(1, 1), lowercase)
    folded = text.encode().lower().decode() if lowercase else text
    assert [entries(table)[number] for number in ids] == folded.split()
    assert entries(table) == list(dict.fromkeys(folded.split()))
    ends = np.cumsum([len(line) for line in lines], dtype=int).tolist() or [0]
    assert line_ends == sorted(set(ends))
    assert blanks == text.count(" ") + text.count("\n")


@given(texts)
@example("é" * 31 + "\u3000")  # white space over the border of two groups
@example("é" * 31 + "x\u2003y")
@example("x" + "é" * 31 + "\xa0\xa0")
@settings(max_examples=200)
def test_words_are_what_split_leaves(text: str) -> None:
    controls = dict.fromkeys([*range(9), *range(14, 32), *range(0x7F, 0xA0)], " ")
    ids, _, blanks, table = scan(text + " ", new_table())
    ref = text.translate(controls).split()
    assert [entries(table)[number] for number in ids] == ref
    assert blanks == len(text.encode()) + 1 - sum(len(word.encode()) for word in ref)


def test_every_code_point_that_might_be_blank() -> None:
    points = map(chr, [*range(0x3200), *range(0xFE00, 0x10100), 0x10FFFF])
    seen = [point for point in points if point.isprintable() or not point.isascii()]
    ids, _, _, table = scan("".join(f"{point}x " for point in seen), new_table())
    found = entries(table)
    ref = [
        word
        for point in seen
        for word in (["x"] if point.isspace() or 0x80 <= ord(point) < 0xA0 else [f"{point}x"])
    ]
    assert [found[number] for number in ids] == ref


@pytest.mark.parametrize("before", range(GROUP + 2))
def test_borders_of_groups_at_every_offset(before: int) -> None:
    text = "y" * before + " The\r\nÉmile\u2003of\u00a0" + "long" * 20 + " x\n\nend\n"
    ids, line_ends, _, table = scan(text, new_table(1, 1))
    ref = text.split()
    assert [entries(table)[number] for number in ids] == ref
    first = len(ref) - 5
    assert line_ends == [first, len(ref) - 1, len(ref)]


@pytest.mark.parametrize("length", [STRETCH - 1, STRETCH, 3 * STRETCH + 5])
def test_a_word_longer_than_a_stretch(length: int) -> None:
    text = f"a {'b' * length} a {'b' * length}c {'b' * length}\n"
    ids, line_ends, _, table = scan(text, new_table(1, 1))
    assert ids == [0, 1, 0, 2, 1]
    assert line_ends == [5]
    assert [len(entry) for entry in entries(table)] == [1, length, length + 1]


def test_the_table_goes_on_over_blocks_and_growth() -> None:
    table = new_table(2, 4)
    texts = [" ".join(f"w{n % 97}" for n in range(k, k + 200)) + " " for k in range(5)]
    found = []
    for text in texts:
        ids, _, _, table = scan(text, table)
        found += ids
    assert [entries(table)[number] for number in found] == "".join(texts).split()
    assert table.used[0] == 97
    assert len(table.slots) >= 2 * 97


def test_a_table_grows_inside_a_block() -> None:
    text = " ".join(f"w{n}" for n in range(3 * STRETCH)) + " "
    ids, _, _, table = scan(text + text, new_table(2, 4))
    assert ids == [*range(3 * STRETCH)] * 2
    assert entries(table) == text.split()


def test_controls_are_blanks_and_both_line_ends_count_once() -> None:
    ids, line_ends, _, _ = scan("\r\n\na\0b\x7f\x1fa\r\nc\n\n\rb ", new_table())
    assert ids == [0, 1, 0, 2, 1]
    assert line_ends == [0, 3, 4]


def test_renumber() -> None:
    ids = np.array([0, 2, 2, 1], dtype=np.int32)
    counts = np.array([5, 0, 0, 0], dtype=np.int64)
    renumber(ids, np.array([3, 1, 0, 9], dtype=np.int32), counts)
    assert ids.tolist() == [3, 0, 0, 1]
    assert counts.tolist() == [7, 1, 0, 1]


def test_punctuated_tokens() -> None:
    ids, _, _, table = scan("a, (b) c d.d ... -- 'e' , f, f, ", new_table())
    used = table.used[0]
    mark = np.zeros(256, dtype=bool)
    mark[[ord(character) for character in ",.()"]] = True
    counts = np.array(list(Counter(ids).values()), dtype=np.int64)
    args = table.arena[: table.starts[used]], table.starts[: used + 1], counts
    assert punctuated_tokens(*args, mark) == 4
