"""Compiled scanning: bytes to word hashes to ids, in one pass over the text."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from nw2v.jit import COMPILED, exact_kernel

# Without compilation the same arithmetic runs on Python's integers, which do not overflow.
_word: Any = np.uint64 if COMPILED else int
_MASK = _word(0xFFFFFFFFFFFFFFFF)
_MULTIPLIER = _word(0x9E3779B97F4A7C15)
_START = _word(0x243F6A8885A308D3)
_ZERO, _ONE, _8, _32, _64 = _word(0), _word(1), _word(8), _word(32), _word(64)
_NEWLINE = 0x0A
_BLANK = 0  # what `fold` makes of white space; no other byte becomes this or a newline


class WordTable(NamedTuple):
    """Open-addressing hash table of words with their counts; entry e is the e-th distinct word.

    Attributes
    ----------
    slots : (2^k,) int32
        Entry in each slot, -1 for none; at most half of them are taken.
    hashes : (capacity,) uint64
    starts : (capacity + 1,) int64
        Entry e is ``arena[starts[e]:starts[e + 1]]``, a newline at its end included.
    counts : (capacity,) int64
    arena : (bytes,) uint8
    used : (1,) int64
        Number of entries.
    """

    slots: np.ndarray
    hashes: np.ndarray
    starts: np.ndarray
    counts: np.ndarray
    arena: np.ndarray
    used: np.ndarray


class ScanState(NamedTuple):
    """Where a scan of a block stands, and what it has found.

    Attributes
    ----------
    ids : (n,) int32
        Entry of each word.
    line_ends : (m,) int32
        Number of words of the block before a line end; each number at most once.
    reached : (3,) int64
        Bytes scanned, words found, line ends found.
    """

    ids: np.ndarray
    line_ends: np.ndarray
    reached: np.ndarray


@exact_kernel
def scan_block(text: np.ndarray, fold: np.ndarray, table: WordTable, state: ScanState) -> bool:
    """Look up all words of a block, adding new ones to the table.

    The hash takes eight bytes at a time and each step is a bijection of them, so that two words
    of at most eight bytes with equal hashes are equal; longer ones are compared byte by byte.

    Parameters
    ----------
    text : (n,) uint8
        Ends with white space.
    fold : (256,) uint8
        What each byte is taken for: 0 white space, 10 a line end, else a byte of a word.
    table, state
        Are changed.

    Returns
    -------
    bool
        False if the table is full: enlarge it and call again to go on with the same word.
    """
    slots, hashes, starts, counts, arena, used = table
    ids, line_ends, reached = state
    # Unsigned throughout: a signed index costs a test for a negative one at each use.
    last_slot = _word(slots.shape[0] - 1)
    capacity, room = _word(counts.shape[0]), _word(arena.shape[0])
    size = _word(text.shape[0])
    position, words, lines = _word(reached[0]), _word(reached[1]), _word(reached[2])
    last_line_end = _word(line_ends[lines - _ONE]) if lines else _MASK
    entries = _word(used[0])
    complete = True
    while position < size:
        byte = fold[text[position]]
        if byte <= _NEWLINE:
            if byte == _NEWLINE and last_line_end != words:
                line_ends[lines] = words
                last_line_end = words
                lines += _ONE
            position += _ONE
            continue

        begin = position
        hashed = _START
        chunk = _ZERO
        shift = _ZERO
        while byte > _NEWLINE:
            chunk |= _word(byte) << shift
            shift += _8
            if shift == _64:
                hashed = ((hashed ^ chunk) * _MULTIPLIER) & _MASK
                hashed ^= hashed >> _32
                chunk = _ZERO
                shift = _ZERO
            position += _ONE
            byte = fold[text[position]]
        hashed = ((hashed ^ chunk) * _MULTIPLIER) & _MASK
        hashed ^= hashed >> _32
        length = position - begin

        slot = hashed & last_slot
        entry = slots[slot]
        while entry >= 0:
            known = _word(entry)
            first = _word(starts[known])
            if hashes[known] == hashed and _word(starts[known + _ONE]) - first == length + _ONE:
                if length <= _8:
                    break
                same = _ZERO
                while same < length and arena[first + same] == fold[text[begin + same]]:
                    same += _ONE
                if same == length:
                    break
            slot = (slot + _ONE) & last_slot
            entry = slots[slot]
        if entry < 0:
            first = _word(starts[entries])
            if entries == capacity or first + length + _ONE > room:
                position = begin
                complete = False
                break
            for k in range(length):
                arena[first + _word(k)] = fold[text[begin + _word(k)]]
            arena[first + length] = _NEWLINE
            starts[entries + _ONE] = first + length + _ONE
            hashes[entries] = hashed
            counts[entries] = 0
            slots[slot] = entries
            entry = np.int32(entries)
            entries += _ONE
        counts[_word(entry)] += 1
        ids[words] = entry
        words += _ONE
    reached[0], reached[1], reached[2] = position, words, lines
    used[0] = entries
    return complete


@exact_kernel
def fill_slots(table: WordTable) -> None:
    """Enter all entries of a table into its slots, which are all empty (-1)."""
    last_slot = _word(table.slots.shape[0] - 1)
    for entry in range(table.used[0]):
        slot = _word(table.hashes[entry]) & last_slot
        while table.slots[slot] >= 0:
            slot = (slot + _ONE) & last_slot
        table.slots[slot] = entry


@exact_kernel
def punctuated_tokens(
    words: np.ndarray, starts: np.ndarray, counts: np.ndarray, punctuation: np.ndarray
) -> int:
    """Count the tokens that begin or end with punctuation but do not consist of it.

    Word t is ``words[starts[t]:starts[t + 1] - 1]``; `punctuation` (256,) bool tells the marks.
    """
    total = 0
    for word in range(counts.shape[0]):
        first, end = starts[word], starts[word + 1] - 1
        if punctuation[words[first]] or punctuation[words[end - 1]]:
            for position in range(first, end):
                if not punctuation[words[position]]:
                    total += int(counts[word])
                    break
    return total


def new_table(capacity: int = 1 << 14, arena_bytes: int = 1 << 18) -> WordTable:
    """Make an empty table for `capacity` words (a power of two) of `arena_bytes` in all."""
    return WordTable(
        slots=np.full(2 * capacity, -1, dtype=np.int32),
        hashes=np.zeros(capacity, dtype=np.uint64),
        starts=np.zeros(capacity + 1, dtype=np.int64),
        counts=np.zeros(capacity, dtype=np.int64),
        arena=np.zeros(arena_bytes, dtype=np.uint8),
        used=np.zeros(1, dtype=np.int64),
    )


def enlarged(table: WordTable, room_bytes: int) -> WordTable:
    """Give a table with the same words and room for at least one more of `room_bytes`."""
    entries = int(table.used[0])
    arena_used = int(table.starts[entries])
    capacity, arena_bytes = len(table.counts), len(table.arena)
    if arena_used + room_bytes > arena_bytes:
        arena = np.zeros(max(2 * arena_bytes, arena_used + room_bytes), dtype=np.uint8)
        arena[:arena_used] = table.arena[:arena_used]
        table = table._replace(arena=arena)
    if entries == capacity:
        larger = new_table(2 * capacity, 0)._replace(arena=table.arena)
        larger.hashes[:entries] = table.hashes
        larger.starts[: entries + 1] = table.starts
        larger.counts[:entries] = table.counts
        larger.used[0] = entries
        fill_slots(larger)
        table = larger
    return table


def fold_table(lowercase: bool) -> np.ndarray:
    """Make the byte classes for `scan_block`: controls are white space, ASCII is folded."""
    fold = np.arange(256, dtype=np.uint8)
    fold[:33] = _BLANK
    fold[127] = _BLANK
    fold[[0x0A, 0x0D]] = _NEWLINE
    if lowercase:
        fold[ord("A") : ord("Z") + 1] += 32
    return fold
