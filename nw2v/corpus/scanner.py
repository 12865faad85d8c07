"""Compiled scanning: bytes to word hashes to ids, in one pass over the text."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from nw2v.jit import COMPILED, exact_kernel
from nw2v.jit.byte_groups import (
    GROUP,
    classify_bytes,
    count_bits,
    eight_bytes,
    lowest_bit,
    prefetch,
)

# Without compilation the same arithmetic runs on Python's integers, which do not overflow.
_word: Any = np.uint64 if COMPILED else int
_MASK = _word(0xFFFFFFFFFFFFFFFF)
_MULTIPLIER = _word(0x9E3779B97F4A7C15)
_START = _word(0x243F6A8885A308D3)
_ZERO, _ONE, _TWO, _3, _8 = _word(0), _word(1), _word(2), _word(3), _word(8)
_32, _63, _64 = _word(32), _word(63), _word(64)
_LOW = _word(0xFFFFFFFF)
_GROUP = _word(GROUP)
STRETCH = 64 * GROUP
_AHEAD = _word(16)
_NEWLINE = np.uint8(0x0A)
_SPACE = np.uint8(0x20)
CASE_BIT = 0x20


class WordTable(NamedTuple):
    """Open-addressing hash table of words; entry e is the e-th distinct word.

    Attributes
    ----------
    slots : (2^k, 2) uint64
        The hash of a word, and beside it its length times 2^32 plus its entry plus one; 0, 0 in
        empty slots. At most half of them are taken.
    starts : (capacity + 1,) int64
        Entry e is ``arena[starts[e]:starts[e + 1]]``, a newline at its end included.
    arena : (bytes,) uint8
    used : (1,) int64
        Number of entries.
    """

    slots: np.ndarray
    starts: np.ndarray
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
    folded : (size + STRETCH,) uint8
        The block with its case folded; what lies behind is of no meaning.
    begins, lengths : (STRETCH,) int64
        The words that end in the present stretch, in bytes.
    hashes : (STRETCH,) uint64
    reached : (7,) int64
        Bytes scanned, words found, line ends found, bytes of white space found; where the open
        word begins, whether there is one; how many of the next bytes belong to white space.
    """

    ids: np.ndarray
    line_ends: np.ndarray
    folded: np.ndarray
    begins: np.ndarray
    lengths: np.ndarray
    hashes: np.ndarray
    reached: np.ndarray


@exact_kernel
def scan_block(text: np.ndarray, case_bit: int, table: WordTable, state: ScanState) -> bool:
    """Look up all words of a block, adding new ones to the table.

    The block is worked on in stretches, each small enough to stay in the CPU's nearest cache:
    first its words are found and hashed, then they are looked up.

    Parameters
    ----------
    text : (n,) uint8
        Valid UTF-8 that ends with white space: controls (U+0000 to U+0020, U+007F to U+009F) and
        what `str.split` takes for it.
    case_bit : int
        `CASE_BIT` to fold the letters A to Z to lower case, 0 to keep them.
    table, state
        Are changed.

    Returns
    -------
    bool
        False if the table is full: enlarge it and call again to go on.
    """
    size = text.shape[0]
    capacity, room = table.starts.shape[0] - 1, table.arena.shape[0]
    while state.reached[0] < size:
        position = state.reached[0]
        begin = state.reached[4] if state.reached[5] else position
        entries = table.used[0]
        new_bytes = position + STRETCH - begin + STRETCH
        if entries + STRETCH > capacity or table.starts[entries] + new_bytes > room:
            return False
        found = _find_words(text, min(position + STRETCH, size), case_bit, state)
        _look_up(found, table, state)
    return True


@exact_kernel
def _find_words(text: np.ndarray, stop: int, case_bit: int, state: ScanState) -> int:
    """Scan up to `stop`, hash the words that end before it, and give their number.

    The hash takes eight bytes at a time and each step is a bijection of them, so that two words
    of at most eight bytes with equal hashes are equal.
    """
    folded, begins, lengths, hashes, reached = (
        state.folded,
        state.begins,
        state.lengths,
        state.hashes,
        state.reached,
    )
    # Unsigned throughout: a signed index costs a test for a negative one at each use.
    size, last = _word(text.shape[0]), _word(stop)
    position, words, lines = _word(reached[0]), _word(reached[1]), _word(reached[2])
    blanks, begin, inside = _word(reached[3]), _word(reached[4]), _word(reached[5])
    blank_ahead = _word(reached[6])
    last_line_end = _word(state.line_ends[lines - _ONE]) if lines else _MASK
    found = _ZERO
    while position < last:
        is_last = position + _GROUP > size
        if is_last:
            for k in range(position, position + _GROUP):
                folded[k] = text[k] if k < size else _SPACE
            blanks -= position + _GROUP - size
        white, line_bits, suspects = classify_bytes(text, position, case_bit, folded, is_last)
        white |= blank_ahead
        blank_ahead = _ZERO
        while suspects:
            place = lowest_bit(suspects)
            suspects &= suspects - _ONE
            width = _width_of_blank(text, position + place)
            if width:
                span = (_ONE << width) - _ONE
                white |= (span << place) & _MASK
                if place + width > _64:
                    blank_ahead = span >> (_64 - place)
        blanks += count_bits(white)

        white_before = ((white << _ONE) & _MASK) | (_ONE - inside)
        word_begins = ~white & white_before & _MASK
        word_ends = white & ~white_before & _MASK
        inside = _ONE - (white >> _63)
        if white_before & _ONE:
            begin = position + lowest_bit(word_begins)
            word_begins &= word_begins - _ONE
        while line_bits:
            place = lowest_bit(line_bits)
            line_bits &= line_bits - _ONE
            before = words + found + count_bits(word_ends & ((_TWO << place) - _ONE))
            if before != last_line_end:
                state.line_ends[lines] = before
                last_line_end = before
                lines += _ONE
        while word_ends:
            end = position + lowest_bit(word_ends)
            word_ends &= word_ends - _ONE
            at = begin
            hashed = _START
            while at + _8 < end:
                hashed = ((hashed ^ eight_bytes(folded, at)) * _MULTIPLIER) & _MASK
                hashed ^= hashed >> _32
                at += _8
            chunk = eight_bytes(folded, at) & _mask_of(end - at)
            hashed = ((hashed ^ chunk) * _MULTIPLIER) & _MASK
            begins[found] = begin
            lengths[found] = end - begin
            hashes[found] = hashed ^ (hashed >> _32)
            found += _ONE
            begin = position + lowest_bit(word_begins)
            word_begins &= word_begins - _ONE
        position += _GROUP
    reached[0], reached[2], reached[3] = min(position, size), lines, blanks
    reached[4], reached[5], reached[6] = begin, inside, blank_ahead
    return found


@exact_kernel
def _look_up(found: int, table: WordTable, state: ScanState) -> None:
    """Write the entries of the words of a stretch, making new ones."""
    slots, starts, arena, used = table
    folded = state.folded
    last_slot = _word(slots.shape[0] - 1)
    words, entries = _word(state.reached[1]), _word(used[0])
    arena_end = _word(starts[entries])
    for word in range(_word(found)):
        ahead = state.hashes[_word(word) + _AHEAD]
        prefetch(slots, (ahead & last_slot) << _ONE)
        begin, length = _word(state.begins[word]), _word(state.lengths[word])
        hashed = _word(state.hashes[word])
        slot = hashed & last_slot
        tag = _word(slots[slot, 1])
        while tag:
            if (
                slots[slot, 0] == hashed
                and tag >> _32 == length
                and (
                    length <= _8
                    or _same(arena, _word(starts[(tag & _LOW) - _ONE]), folded, begin, length)
                )
            ):
                break
            slot = (slot + _ONE) & last_slot
            tag = _word(slots[slot, 1])
        if not tag:
            for k in range(length):
                arena[arena_end + _word(k)] = folded[begin + _word(k)]
            arena[arena_end + length] = _NEWLINE
            arena_end += length + _ONE
            entries += _ONE
            starts[entries] = arena_end
            tag = length << _32 | entries
            slots[slot, 0] = hashed
            slots[slot, 1] = tag
        state.ids[words] = (tag & _LOW) - _ONE
        words += _ONE
    state.reached[1] = words
    used[0] = entries


@exact_kernel
def _same(a: np.ndarray, at_a: int, b: np.ndarray, at_b: int, length: int) -> bool:
    """Whether `length` bytes are the same; eight are read at a time, up to seven beyond."""
    while length > _8:
        if eight_bytes(a, at_a) != eight_bytes(b, at_b):
            return False
        at_a += _8
        at_b += _8
        length -= _8
    return ((eight_bytes(a, at_a) ^ eight_bytes(b, at_b)) & _mask_of(length)) == _ZERO


@exact_kernel
def _mask_of(size: int) -> int:
    """Mask for the first `size` of eight bytes, 1 to 8."""
    return _MASK >> (_64 - (size << _3))


@exact_kernel
def _width_of_blank(text: np.ndarray, at: int) -> int:
    """Bytes of the character at `at`, in UTF-8, if it is white space beyond ASCII, else 0."""
    first = text[at]
    second = text[at + _ONE]
    if first == 0xC2:
        return _TWO if second <= 0xA0 else _ZERO
    third = text[at + _TWO]
    if first == 0xE2 and second == 0x80:
        blank = third <= 0x8A or third == 0xA8 or third == 0xA9 or third == 0xAF
    elif first == 0xE2:
        blank = second == 0x81 and third == 0x9F
    elif first == 0xE1:
        blank = second == 0x9A and third == 0x80
    else:
        blank = first == 0xE3 and second == 0x80 and third == 0x80
    return _3 if blank else _ZERO


@exact_kernel
def renumber(ids: np.ndarray, numbers: np.ndarray, counts: np.ndarray) -> None:
    """Replace each of `ids` (n,) int32 by its number, and count the numbers."""
    for word in range(ids.shape[0]):
        number = numbers[_word(ids[word])]
        ids[word] = number
        counts[_word(number)] += 1


@exact_kernel
def fill_slots(slots: np.ndarray, larger: np.ndarray) -> None:
    """Move what is in the slots of a table to others, which are all empty."""
    last_slot = _word(larger.shape[0] - 1)
    for old in range(slots.shape[0]):
        if slots[old, 1]:
            slot = _word(slots[old, 0]) & last_slot
            while larger[slot, 1]:
                slot = (slot + _ONE) & last_slot
            larger[slot, 0] = slots[old, 0]
            larger[slot, 1] = slots[old, 1]


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
        slots=np.zeros((2 * capacity, 2), dtype=np.uint64),
        starts=np.zeros(capacity + 1, dtype=np.int64),
        arena=np.zeros(arena_bytes, dtype=np.uint8),
        used=np.zeros(1, dtype=np.int64),
    )


def enlarged(table: WordTable, room_bytes: int) -> WordTable:
    """Give a table with the same words and room for a group's more, of `room_bytes` in all."""
    entries, capacity = int(table.used[0]), len(table.starts) - 1
    arena_used, arena_bytes = int(table.starts[entries]), len(table.arena)
    needed = arena_used + room_bytes + 2 * STRETCH
    if needed > arena_bytes:
        arena = np.zeros(max(2 * arena_bytes, needed), dtype=np.uint8)
        arena[:arena_used] = table.arena[:arena_used]
        table = table._replace(arena=arena)
    if entries + STRETCH > capacity:
        while entries + STRETCH > capacity:
            capacity *= 2
        larger = new_table(capacity, 0)
        larger.starts[: entries + 1] = table.starts[: entries + 1]
        fill_slots(table.slots, larger.slots)
        table = table._replace(slots=larger.slots, starts=larger.starts)
    return table


def new_state(size: int) -> ScanState:
    """Make the state for the scan of a block of `size` bytes, before it begins."""
    most = size // 2 + 1
    return ScanState(
        ids=np.empty(most, dtype=np.int32),
        line_ends=np.empty(most + 1, dtype=np.int32),
        folded=np.empty(size + 2 * GROUP, dtype=np.uint8),
        begins=np.empty(STRETCH, dtype=np.int64),
        lengths=np.empty(STRETCH, dtype=np.int64),
        hashes=np.zeros(STRETCH, dtype=np.uint64),
        reached=np.zeros(7, dtype=np.int64),
    )
