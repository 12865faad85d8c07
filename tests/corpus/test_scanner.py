from __future__ import annotations

from collections import Counter

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from nw2v.corpus.scanner import (
    ScanState,
    WordTable,
    enlarged,
    fold_table,
    new_table,
    punctuated_tokens,
    scan_block,
)

words = st.text(st.sampled_from("abcABé"), min_size=1, max_size=40) | st.sampled_from(
    ["abcdefgh", "abcdefghi", "abcdefgh" * 2, "abcdefgh" * 2 + "i", "abcdefgh" * 3]
)


def scan(
    text: str, table: WordTable, lowercase: bool = False
) -> tuple[list[int], list[int], WordTable]:
    data = np.frombuffer(text.encode(), dtype=np.uint8)
    state = ScanState(
        np.empty(len(data), dtype=np.int32),
        np.empty(len(data) + 1, dtype=np.int32),
        np.zeros(3, dtype=np.int64),
    )
    while not scan_block(data, fold_table(lowercase), table, state):
        table = enlarged(table, len(data) + 1)
    assert state.reached[0] == len(data)
    ids = state.ids[: state.reached[1]].tolist()
    return ids, state.line_ends[: state.reached[2]].tolist(), table


def entries(table: WordTable) -> list[str]:
    used = table.used[0]
    return table.arena[: table.starts[used]].tobytes().decode().split("\n")[:-1]


@given(st.lists(st.lists(words), max_size=20), st.booleans())
@settings(max_examples=200, deadline=None)
def test_ids_counts_and_line_ends(lines: list[list[str]], lowercase: bool) -> None:
    text = "\n".join(map(" ".join, lines)) + "\n"
    ids, line_ends, table = scan(text, new_table(1, 1), lowercase)
    folded = text.encode().lower().decode() if lowercase else text
    assert [entries(table)[number] for number in ids] == folded.split()
    assert entries(table) == list(dict.fromkeys(folded.split()))
    counts = table.counts[: table.used[0]].tolist()
    assert dict(zip(entries(table), counts, strict=True)) == Counter(folded.split())
    ends = np.cumsum([len(line) for line in lines], dtype=int).tolist() or [0]
    assert line_ends == sorted(set(ends))


def test_the_table_goes_on_over_blocks_and_growth() -> None:
    table = new_table(2, 4)
    texts = [" ".join(f"w{n % 97}" for n in range(k, k + 200)) + " " for k in range(5)]
    found = []
    for text in texts:
        ids, _, table = scan(text, table)
        found += ids
    assert [entries(table)[number] for number in found] == "".join(texts).split()
    assert table.used[0] == 97
    assert len(table.slots) >= 2 * 97


def test_controls_are_blanks_and_both_line_ends_count_once() -> None:
    ids, line_ends, _ = scan("\r\n\na\0b\x7f\x1fa\r\nc\n\n\rb ", new_table())
    assert ids == [0, 1, 0, 2, 1]
    assert line_ends == [0, 3, 4]


def test_punctuated_tokens() -> None:
    _, _, table = scan("a, (b) c d.d ... -- 'e' , f, f, ", new_table())
    used = table.used[0]
    mark = np.zeros(256, dtype=bool)
    mark[[ord(character) for character in ",.()"]] = True
    args = table.arena[: table.starts[used]], table.starts[: used + 1], table.counts[:used]
    assert punctuated_tokens(*args, mark) == 4
