"""From blocks of text to word ids and sentence offsets on disk, in one pass."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from nw2v.corpus.cache import ArrayWriter
from nw2v.corpus.characters import character_classes, keep_letters
from nw2v.corpus.scanner import (
    CASE_BIT,
    STRETCH,
    ScanState,
    WordTable,
    enlarged,
    new_state,
    new_table,
    punctuated_tokens,
    renumber,
    scan_block,
)
from nw2v.corpus.tokenizer import Tokenizer

_LARGEST_TABLE = 1 << 18  # entries; a thread whose table has more begins another

# Apostrophes are left out: they belong to words such as 's and dogs'.
_PUNCTUATION = np.zeros(256, dtype=bool)
_PUNCTUATION[[ord(mark) for mark in ',.;:!?()[]{}"']] = True


class ScannedBlock(NamedTuple):
    """What one thread found in a block; words are numbered as in that thread's table.

    Attributes
    ----------
    ids : (n,) int32
        Entry of each word.
    line_ends : (m,) int32
        Numbers of words before line ends.
    blanks : int
        Bytes of white space.
    new_words : (k,) uint8
        The words that the table did not have, with a newline after each.
    table : TypesOfEntries
        What is known of the entries of the table.
    """

    ids: np.ndarray
    line_ends: np.ndarray
    blanks: int
    new_words: np.ndarray
    table: TypesOfEntries


class TextEncoder:
    """Turns blocks of text into the arrays of a corpus, without ever holding them all.

    A block is scanned (`scan`) by any thread, each with a table of words of its own, so that
    threads never wait for each other. The results are taken in the order of the text (`add`):
    words that are new to a thread get their types then, so that types are numbered as they come
    up in the text, whatever the number of threads.

    Writes through an `ArrayWriter`: ``tokens`` (N,) int32, the type of each word; ``offsets``
    (S + 1,) int64, where sentences begin; and in the end ``counts`` (T,) int64, ``words`` uint8,
    the types in UTF-8 with a newline after each, and ``word_starts`` (T + 1,) int64.

    Parameters
    ----------
    writer : ArrayWriter
    tokenizer : Tokenizer or None
        None if the words are to be taken as they are.
    max_sentence_length : int
        Longer sentences are cut.
    """

    def __init__(
        self, writer: ArrayWriter, tokenizer: Tokenizer | None, max_sentence_length: int
    ) -> None:
        self._writer = writer
        self._tokenizer = tokenizer
        self._of_thread = threading.local()
        self._types = _WordTypes(tokenizer)
        self._sentences = _SentenceCutter(writer, max_sentence_length)

    def scan(self, text: bytes) -> ScannedBlock:
        """Find the words of a block of UTF-8 that ends with white space.

        Each thread must scan its blocks in the order in which they are added.
        """
        scanner: _BlockScanner | None = getattr(self._of_thread, "scanner", None)
        if scanner is None:
            scanner = self._of_thread.scanner = _BlockScanner(self._tokenizer)
        return scanner.scan(text)

    def add(self, block: ScannedBlock) -> None:
        """Take the next block of the text."""
        self._types.number(block)
        self._writer.append("tokens", block.ids)
        self._sentences.add(block.line_ends, len(block.ids))

    def finish(self) -> dict[str, int]:
        """Close the last sentence, write the word types, and give the numbers of everything.

        Returns
        -------
        dict
            ``tokens``, ``sentences``, ``types``, ``largest_count``, and ``punctuated``, the
            tokens that have punctuation attached to a letter or digit.
        """
        sentences = self._sentences.finish()
        words, counts = self._types.types()
        starts = np.flatnonzero(words == ord("\n")) + 1
        starts = np.concatenate([np.zeros(1, dtype=np.int64), starts])
        self._writer.append("counts", counts)
        self._writer.append("words", words)
        self._writer.append("word_starts", starts)
        return {
            "tokens": int(counts.sum()),
            "sentences": sentences,
            "types": len(counts),
            "largest_count": int(counts.max(initial=0)),
            "punctuated": int(punctuated_tokens(words, starts, counts, _PUNCTUATION)),
        }


def _preparation(tokenizer: Tokenizer | None) -> Callable[[bytes], bytes | np.ndarray]:
    """Choose what leaves only white space between the words of a block."""
    if tokenizer is not None and tokenizer.rewrites_text:
        return lambda text: tokenizer.rewrite(text.decode("utf-8")).encode("utf-8") + b" "
    if tokenizer is not None and tokenizer.words == "letters":
        return _letters
    return lambda text: text


def _letters(text: bytes) -> np.ndarray:
    out = np.empty(len(text), dtype=np.uint8)
    written = keep_letters(np.frombuffer(text, dtype=np.uint8), character_classes(), out)
    return out[:written]


class _Words:
    """A growing table of words, and the memory for scanning with it."""

    def __init__(self, case_bit: int) -> None:
        self._case_bit = case_bit
        self._table: WordTable = new_table()
        self._state: ScanState = new_state(0)

    def __len__(self) -> int:
        return int(self._table.used[0])

    def scan(self, text: bytes | np.ndarray) -> tuple[np.ndarray, np.ndarray, int]:
        """Entries (n,) of the words of a text, its line ends (m,) and its bytes of white space.

        The arrays are good until the next scan.
        """
        data = np.frombuffer(text, dtype=np.uint8)
        data.flags.writeable = False  # one kind of array: scanning is compiled once
        if len(self._state.folded) < len(data) + STRETCH:
            self._state = new_state(len(data))
        state = self._state
        state.reached[:] = 0
        while not scan_block(data, self._case_bit, self._table, state):
            self._table = enlarged(self._table, len(data))
        _, words, line_ends, blanks = state.reached[:4].tolist()
        return state.ids[:words], state.line_ends[:line_ends], blanks

    def texts(self, first: int = 0) -> np.ndarray:
        """Entries from `first` on, (n,) uint8, with a newline after each."""
        starts = self._table.starts
        return self._table.arena[starts[first] : starts[len(self)]]

    def starts(self) -> np.ndarray:
        """Where entries begin in `texts`, and the last one ends."""
        return self._table.starts[: len(self) + 1]


class TypesOfEntries:
    """Types of the entries of one thread's table, as far as they are known."""

    def __init__(self) -> None:
        self.types = np.empty(0, dtype=np.int32)
        self._known = 0

    def extend(self, types: np.ndarray) -> None:
        """Take the types of the next entries."""
        end = self._known + len(types)
        if end > len(self.types):
            self.types = np.resize(self.types, max(end, 2 * len(self.types)))
        self.types[self._known : end] = types
        self._known = end


class _BlockScanner:
    """Scans the blocks of one thread."""

    def __init__(self, tokenizer: Tokenizer | None) -> None:
        self._prepare = _preparation(tokenizer)
        self._case_bit = _case_bit(tokenizer)
        self._begin_table()

    def scan(self, text: bytes) -> ScannedBlock:
        if len(self._words) > _LARGEST_TABLE:
            self._begin_table()
        known = len(self._words)
        ids, line_ends, blanks = self._words.scan(self._prepare(text))
        new = self._words.texts(known)
        return ScannedBlock(ids.copy(), line_ends.copy(), blanks, new.copy(), self._types)

    def _begin_table(self) -> None:
        self._words = _Words(self._case_bit)
        self._types = TypesOfEntries()


def _case_bit(tokenizer: Tokenizer | None) -> int:
    folds = tokenizer is not None and not tokenizer.rewrites_text and tokenizer.lowercase
    return CASE_BIT if folds else 0


class _WordTypes:
    """The word types of the text so far: byte strings, and which of them are one type.

    Case and Unicode forms beyond ASCII are settled here, once for each distinct byte string: a
    string whose normalised form differs becomes an alias of that form.
    """

    def __init__(self, tokenizer: Tokenizer | None) -> None:
        rewrites = tokenizer is not None and not tokenizer.rewrites_text
        self._tokenizer = tokenizer if rewrites else None
        self._words = _Words(0)
        self._counts = np.zeros(1 << 14, dtype=np.int64)
        self._type_of_entry: np.ndarray | None = None  # None while there are no aliases
        self._numbered = 0  # entries that have a type
        self._entries_of_types: list[np.ndarray] = []  # in pieces
        self._types = 0

    def number(self, block: ScannedBlock) -> None:
        """Turn the ids of a block into types, in place, and count them."""
        if len(block.new_words):
            block.table.extend(self._types_of(block.new_words))
            room = len(self._counts)
            if len(self._words) > room:
                self._counts = np.resize(self._counts, max(2 * room, len(self._words)))
                self._counts[room:] = 0
        renumber(block.ids, block.table.types, self._counts)

    def types(self) -> tuple[np.ndarray, np.ndarray]:
        """All types as UTF-8 with a newline after each (uint8), and their counts (T,) int64."""
        words = self._words.texts()
        if self._type_of_entry is None:
            return words, self._counts[: len(self._words)]
        starts = self._words.starts()
        own = np.concatenate(self._entries_of_types)
        parts = [words[starts[entry] : starts[entry + 1]] for entry in own]
        return np.concatenate(parts), self._counts[: self._types]

    def _types_of(self, words: np.ndarray) -> np.ndarray:
        known = len(self._words)
        entries = self._words.scan(words)[0]
        if self._tokenizer is not None:
            entries = entries.copy()
            self._settle_forms(known)
        if self._type_of_entry is None:
            return entries
        self._number_types()
        return self._type_of_entry[entries]

    def _settle_forms(self, first_new: int) -> None:
        assert self._tokenizer is not None
        new = self._words.texts(first_new).tobytes()
        if new.isascii():
            return
        aliases, forms = [], []
        for entry, word in enumerate(new.split(b"\n")[:-1], first_new):
            if word.isascii():
                continue
            form = self._tokenizer.normalise(word.decode("utf-8")).encode("utf-8")
            if form != word:
                aliases.append(entry)
                forms.append(form)
        if not aliases:
            return
        if self._type_of_entry is None:
            self._type_of_entry = np.arange(first_new, dtype=np.int32)
            self._entries_of_types = [np.arange(first_new, dtype=np.int32)]
            self._numbered = self._types = first_new
        targets = self._words.scan(b" ".join(forms) + b"\n")[0]
        self._number_types(np.array(aliases), targets)

    def _number_types(
        self, aliases: np.ndarray | None = None, targets: np.ndarray | None = None
    ) -> None:
        """Number the entries that came since the last time; aliases share their form's number."""
        assert self._type_of_entry is not None
        known, entries = self._numbered, len(self._words)
        if known == entries:
            return
        if entries > len(self._type_of_entry):
            grown = np.empty(2 * entries, dtype=np.int32)
            grown[:known] = self._type_of_entry[:known]
            self._type_of_entry = grown
        own = np.ones(entries - known, dtype=bool)
        if aliases is not None:
            own[aliases - known] = False
        new = int(own.sum())
        numbers = np.arange(self._types, self._types + new, dtype=np.int32)
        self._type_of_entry[known:entries][own] = numbers
        if aliases is not None:
            self._type_of_entry[aliases] = self._type_of_entry[targets]
        self._entries_of_types.append(np.flatnonzero(own).astype(np.int32) + np.int32(known))
        self._types += new
        self._numbered = entries


class _SentenceCutter:
    """Writes sentence offsets; a sentence may go on over any number of blocks."""

    def __init__(self, writer: ArrayWriter, max_length: int) -> None:
        self._writer = writer
        self._max_length = max_length
        self._start = 0  # where the open sentence begins
        self._tokens = 0
        self._sentences = 0
        writer.append("offsets", np.zeros(1, dtype=np.int64))

    def add(self, line_ends: np.ndarray, words: int) -> None:
        """Take the line ends of a block, as numbers of its words before them."""
        if len(line_ends):
            self._close(self._tokens + line_ends.astype(np.int64))
        self._tokens += words
        whole = (self._tokens - self._start) // self._max_length
        if whole:  # cut now: an open line may be as long as the text
            self._close(np.array([self._start + whole * self._max_length]))

    def finish(self) -> int:
        """Close the open sentence and give the number of all."""
        self._close(np.array([self._tokens]))
        return self._sentences

    def _close(self, ends: np.ndarray) -> None:
        lengths = np.diff(ends, prepend=self._start)
        self._start = int(ends[-1])
        ends, lengths = ends[lengths > 0], lengths[lengths > 0]
        if len(ends) and lengths.max() > self._max_length:
            pieces = -(-lengths // self._max_length)
            last = np.cumsum(pieces) - 1
            number = np.arange(pieces.sum()) - np.repeat(last - pieces + 1, pieces)
            begins = np.repeat(ends - lengths, pieces)
            cuts = begins + (number + 1) * self._max_length
            cuts[last] = ends
            ends = cuts
        self._sentences += len(ends)
        self._writer.append("offsets", ends)
