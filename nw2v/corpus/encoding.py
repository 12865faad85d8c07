"""From blocks of text to word ids and sentence offsets on disk, in one pass."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from nw2v.corpus.cache import ArrayWriter
from nw2v.corpus.characters import blank_white_space, character_classes, keep_letters
from nw2v.corpus.scanner import (
    ScanState,
    WordTable,
    enlarged,
    fold_table,
    new_table,
    punctuated_tokens,
    scan_block,
)
from nw2v.corpus.tokenizer import Tokenizer

# Apostrophes are left out: they belong to words such as 's and dogs'.
_PUNCTUATION = np.zeros(256, dtype=bool)
_PUNCTUATION[[ord(mark) for mark in ',.;:!?()[]{}"']] = True


class TextEncoder:
    """Turns blocks of text into the arrays of a corpus, without ever holding them all.

    Writes through an `ArrayWriter`: ``tokens`` (N,) int32, the type of each word, types numbered
    as they come up; ``offsets`` (S + 1,) int64, where sentences begin; and in the
    end ``counts`` (T,) int64, ``words`` uint8, the types in UTF-8 with a newline after each, and
    ``word_starts`` (T + 1,) int64.

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
        self._words = _WordTypes(tokenizer)
        self._prepare = _preparation(tokenizer)
        self._sentences = _SentenceCutter(writer, max_sentence_length)

    def add(self, text: bytes) -> int:
        """Take a block of UTF-8 that ends with white space; gives the number of its words."""
        text = self._prepare(text)
        ids, line_ends = self._words.look_up(text)
        self._writer.append("tokens", ids)
        self._sentences.add(line_ends, len(ids))
        return len(ids)

    def finish(self) -> dict[str, int]:
        """Close the last sentence, write the word types, and give the numbers of everything.

        Returns
        -------
        dict
            ``tokens``, ``sentences``, ``types``, ``largest_count``, and ``punctuated``, the
            tokens that have punctuation attached to a letter or digit.
        """
        sentences = self._sentences.finish()
        words, counts = self._words.types()
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


def _preparation(tokenizer: Tokenizer | None) -> Callable[[bytes], bytes]:
    """Choose what leaves only ASCII white space between the words of a block."""
    if tokenizer is not None and tokenizer.rewrites_text:

        def rewritten(text: bytes) -> bytes:
            return _blanked(tokenizer.rewrite(text.decode("utf-8")).encode("utf-8") + b" ")

        return rewritten
    if tokenizer is not None and tokenizer.words == "letters":
        return _letters
    return _blanked


def _blanked(text: bytes) -> bytes:
    if text.isascii():
        return text
    out = np.empty(len(text), dtype=np.uint8)
    blank_white_space(np.frombuffer(text, dtype=np.uint8), out)
    return out.tobytes()


def count_blanks(text: bytes) -> int:
    """Count the white space of valid UTF-8, in bytes."""
    data = np.frombuffer(_blanked(text), dtype=np.uint8)
    return int(np.count_nonzero((data <= 32) | (data == 127)))


def _letters(text: bytes) -> bytes:
    out = np.empty(len(text), dtype=np.uint8)
    written = keep_letters(np.frombuffer(text, dtype=np.uint8), character_classes(), out)
    return out[:written].tobytes()


class _WordTypes:
    """The word types so far: byte strings in a hash table, and which of them are one type.

    Case and Unicode forms beyond ASCII are settled here, once for each distinct byte string: a
    string whose normalised form differs becomes an alias of that form.
    """

    def __init__(self, tokenizer: Tokenizer | None) -> None:
        rewrites = tokenizer is not None and not tokenizer.rewrites_text
        self._tokenizer = tokenizer if rewrites else None
        self._fold = fold_table(self._tokenizer is not None and self._tokenizer.lowercase)
        self._table: WordTable = new_table()
        self._type_of_entry: np.ndarray | None = None  # None while there are no aliases
        self._numbered = 0  # entries that have a type
        self._entries_of_types: list[np.ndarray] = []  # in pieces
        self._types = 0

    def look_up(self, text: bytes) -> tuple[np.ndarray, np.ndarray]:
        """Types (n,) int32 of the words of a block, and its line ends (m,) int32."""
        known = self._entries
        ids, line_ends = self._scan(text)
        if self._tokenizer is not None and not text.isascii():
            self._settle_forms(known)
        if self._type_of_entry is not None:
            self._number_types()
            ids = self._type_of_entry[ids]
        return ids, line_ends

    def types(self) -> tuple[np.ndarray, np.ndarray]:
        """All types as UTF-8 with a newline after each (uint8), and their counts (T,) int64."""
        table, entries = self._table, self._entries
        words = table.arena[: table.starts[entries]]
        counts = table.counts[:entries]
        if self._type_of_entry is None:
            return words, counts
        self._number_types()
        own = np.concatenate(self._entries_of_types)
        starts = table.starts
        parts = [words[starts[entry] : starts[entry + 1]] for entry in own]
        type_counts = np.zeros(len(own), dtype=np.int64)
        np.add.at(type_counts, self._type_of_entry[:entries], counts)
        return np.concatenate(parts), type_counts

    @property
    def _entries(self) -> int:
        return int(self._table.used[0])

    def _scan(self, text: bytes) -> tuple[np.ndarray, np.ndarray]:
        most = len(text) // 2 + 1
        state = ScanState(
            ids=np.empty(most, dtype=np.int32),
            line_ends=np.empty(most + 1, dtype=np.int32),
            reached=np.zeros(3, dtype=np.int64),
        )
        data = np.frombuffer(text, dtype=np.uint8)
        while not scan_block(data, self._fold, self._table, state):
            self._table = enlarged(self._table, len(text) + 1)
        return state.ids[: state.reached[1]], state.line_ends[: state.reached[2]]

    def _settle_forms(self, first_new: int) -> None:
        assert self._tokenizer is not None
        table, entries = self._table, self._entries
        new = table.arena[table.starts[first_new] : table.starts[entries]].tobytes()
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
        targets, _ = self._scan(b" ".join(forms) + b"\n")
        np.subtract.at(self._table.counts, targets, 1)  # looked up, but not seen in the text
        self._number_types(np.array(aliases), targets)

    def _number_types(
        self, aliases: np.ndarray | None = None, targets: np.ndarray | None = None
    ) -> None:
        """Number the entries that came since the last time; aliases share their form's number."""
        assert self._type_of_entry is not None
        known, entries = self._numbered, self._entries
        if known == entries:
            return
        if entries > len(self._type_of_entry):
            grown = np.empty(len(self._table.counts), dtype=np.int32)
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
