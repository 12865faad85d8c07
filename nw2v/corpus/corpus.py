"""The text that is trained on: read once, kept in the cache, split into two encoded parts."""

from __future__ import annotations

import logging
import math
import os
import shutil
import tempfile
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nw2v.corpus.cache import (
    Arrays,
    ArrayWriter,
    DigestMemo,
    cache_folder,
    is_writable,
    one_at_a_time,
    open_arrays,
    open_or_make,
    publish,
    settings_key,
    staging_folder,
)
from nw2v.corpus.encoding import ScannedBlock, TextEncoder
from nw2v.corpus.pipeline import in_parallel, read_ahead, threads_for_text
from nw2v.corpus.reading import (
    Block,
    ContentDigest,
    TextFile,
    content_digest,
    find_text,
    read_blocks,
)
from nw2v.corpus.splitting import RawText, Split, read_split, write_split
from nw2v.corpus.tokenizer import Tokenizer
from nw2v.corpus.vocabulary import WordTypes
from nw2v.corpus.whole_numbers import whole
from nw2v.errors import InputError

Progress = Callable[[int, int], None]

_LOGGER = logging.getLogger(__name__)
_PUNCTUATED_SHARE = 0.05
_SENTENCE_BATCH_WORDS = 1 << 17


class Corpus:
    """A tokenised text before the vocabulary cut.

    Made by `from_file`, `from_sentences` or `from_name`. Nothing of it is held in memory: its
    arrays are memory-mapped from the cache.

    Attributes
    ----------
    name : str
        What to call it in reports.
    source : str
        The path it was read from, or its name.
    fingerprint : str
        32 hexadecimal digits that stand for the content, the tokenizer's settings and
        `max_sentence_length`.
    min_count : int
        Words that are rarer in the training part are left out of the vocabulary.
    max_vocabulary : int or None
        At most so many words are in the vocabulary, the most frequent ones.
    max_sentence_length : int
        Sentences of more words were cut.
    tokenizer : Tokenizer or None
        None if the words were given.
    tokens : (N,) int32
        Word type of each token. Nothing depends on how types are numbered.
    offsets : (S + 1,) int64
        Sentence s is ``tokens[offsets[s]:offsets[s + 1]]``; none is empty.
    counts : (T,) int64
        Occurrences of each word type.
    words : sequence of str
        The word types.
    hints : list of str
        What the user might want to know, one line each.
    """

    def __init__(
        self,
        stored: Arrays,
        *,
        name: str,
        source: str,
        min_count: int,
        max_vocabulary: int | None,
        max_sentence_length: int,
        tokenizer: Tokenizer | None,
    ) -> None:
        self.name = name
        self.source = source
        self.fingerprint = stored.folder.name.rpartition("-")[2]
        self.min_count = min_count
        self.max_vocabulary = max_vocabulary
        self.max_sentence_length = max_sentence_length
        self.tokenizer = tokenizer
        self.tokens: np.ndarray = stored.arrays["tokens"]
        self.offsets: np.ndarray = stored.arrays["offsets"]
        self.counts: np.ndarray = stored.arrays["counts"]
        self.words = WordTypes(stored.arrays["words"], stored.arrays["word_starts"])
        self.hints: list[str] = []
        self._folder = stored.folder
        share = stored.facts["punctuated"] / len(self.tokens)
        if tokenizer is not None and tokenizer.words == "whitespace" and share > _PUNCTUATED_SHARE:
            self._hint(
                f"{share:.0%} of the words of {name} have punctuation attached, as in 'word,': "
                "corpus.words=letters would take it off"
            )
        largest = int(stored.facts["largest_count"])
        if largest < min_count:
            raise InputError(
                f"corpus.min_count={min_count}: no word of {source} occurs that often, the most "
                f"frequent one {largest:,} times: lower corpus.min_count or give more text"
            )

    @classmethod
    def from_file(
        cls,
        path: str | os.PathLike[str],
        *,
        min_count: int = 5,
        max_vocabulary: int | None = None,
        max_sentence_length: int = 10_000,
        tokenizer: Tokenizer | None = None,
        encoding_errors: str = "strict",
        cache_dir: str | os.PathLike[str] | None = None,
        name: str | None = None,
        progress: Progress | None = None,
    ) -> Corpus:
        """Read a text file, or all files of a folder, one sentence a line.

        The result is kept in the cache and found there again, in milliseconds, as long as the
        files do not change. Any number of processes may do this at the same time: one of them
        reads, and the others wait for it.

        Parameters
        ----------
        path : path-like
            Plain text in UTF-8, or compressed with the ending .gz, .xz, .bz2 or .zst. Of a
            folder all files are read, recursively, sorted by path, without hidden ones.
        min_count : int
            At least 1.
        max_vocabulary : int, optional
            At least 2.
        max_sentence_length : int
            In words, at least 1; longer lines are cut.
        tokenizer : Tokenizer, optional
            Default: lower case, words between white space, NFC.
        encoding_errors : {"strict", "replace"}
            What to do with bytes that are not UTF-8.
        cache_dir : path-like, optional
            Default: the environment variable NW2V_CACHE, else the system's cache folder.
        name : str, optional
            Default: the file's name without endings.
        progress : callable, optional
            Is called now and then with (bytes done, bytes in all), compressed bytes for
            compressed files.

        Raises
        ------
        InputError
            If there is no such text, it cannot be read, is not UTF-8, or holds no words; if no
            word occurs `min_count` times; for settings out of range.
        """
        tokenizer = Tokenizer() if tokenizer is None else tokenizer
        settings = _settings(min_count, max_vocabulary, max_sentence_length)
        if not isinstance(tokenizer, Tokenizer):
            raise InputError(f"tokenizer: expected a nw2v.Tokenizer, got {tokenizer!r}")
        if encoding_errors not in ("strict", "replace"):
            raise InputError(
                f"corpus.encoding_errors={encoding_errors!r}: expected strict or replace"
            )
        files = find_text(path)
        source = Path(path).expanduser().absolute()
        with _Place(cache_folder(cache_dir)) as place:
            stored = _stored_text(
                place.root, files, tokenizer, settings[2], encoding_errors, progress
            )
            return cls._placed(
                stored, place, name or _stem(source), str(source), settings, tokenizer
            )

    @classmethod
    def from_name(
        cls,
        name: str,
        *,
        min_count: int = 5,
        max_vocabulary: int | None = None,
        max_sentence_length: int = 10_000,
        tokenizer: Tokenizer | None = None,
        encoding_errors: str = "strict",
        cache_dir: str | os.PathLike[str] | None = None,
        progress: Progress | None = None,
    ) -> Corpus:
        """Take a corpus that nw2v knows by name, see `corpus_names`.

        It is made or downloaded on first use and kept in the cache. Parameters are those of
        `from_file`.

        Raises
        ------
        InputError
            If there is no such corpus, or it cannot be made or fetched; and as `from_file`.
        """
        from nw2v.corpus.named import materialise

        _settings(min_count, max_vocabulary, max_sentence_length)  # before a long download
        with _Place(cache_folder(cache_dir)) as place:
            text = materialise(name, place.root, progress)
            corpus = cls.from_file(
                text.path,
                min_count=min_count,
                max_vocabulary=max_vocabulary,
                max_sentence_length=max_sentence_length,
                tokenizer=tokenizer,
                encoding_errors=encoding_errors,
                cache_dir=place.root,
                name=text.name,
                progress=progress,
            )
            corpus.source = text.name
            place.keep_for(corpus)
            return corpus

    @classmethod
    def from_sentences(
        cls,
        sentences: Iterable[Sequence[str]],
        *,
        min_count: int = 5,
        max_vocabulary: int | None = None,
        max_sentence_length: int = 10_000,
        cache_dir: str | os.PathLike[str] | None = None,
        name: str = "sentences",
    ) -> Corpus:
        """Take sentences that are lists of words already; the words stay as they are.

        Parameters
        ----------
        sentences : iterable of sequences of str
            Is gone through once, and never held in memory. Empty sentences are left out.
        min_count, max_vocabulary, max_sentence_length
            As for `from_file`.
        cache_dir : path-like, optional
            Keeps the encoded sentences there. Default: a temporary folder, removed with the
            corpus.
        name : str
            What to call it in reports.

        Raises
        ------
        InputError
            For a sentence that is a string or holds anything but strings, a word that is empty
            or holds white space, no words at all; if no word occurs `min_count` times; for
            settings out of range.
        """
        settings = _settings(min_count, max_vocabulary, max_sentence_length)
        root = None if cache_dir is None else cache_folder(cache_dir)
        with _Place(root) as place:
            digest = ContentDigest()
            with staging_folder(place.root) as staging, ArrayWriter(staging) as writer:
                encoder = TextEncoder(writer, None, settings[2])
                for batch, text, words, first in _sentence_batches(sentences):
                    digest.update(text)
                    # One blank after each word, one line end after an empty sentence: with
                    # fewer words or more blanks, a word is empty or holds blanks itself.
                    separators = words + sum(not sentence for sentence in batch)
                    scanned = encoder.scan(text)
                    if len(scanned.ids) != words or scanned.blanks != separators:
                        raise InputError(_unfit_word(batch, first))
                    encoder.add(scanned)
                facts = encoder.finish()
                if not facts["tokens"]:
                    raise InputError("the corpus is empty: there is no word in the sentences")
                writer.seal(facts)
                digest.end_file("sentences")
                key = settings_key(digest.hexdigest(), settings[2])
                stored = publish(staging, place.root / "corpora" / f"0-{key}")
            return cls._placed(stored, place, name, name, settings, None)

    @property
    def token_count(self) -> int:
        """Number of tokens, before the vocabulary cut."""
        return len(self.tokens)

    @property
    def sentence_count(self) -> int:
        """Number of sentences, after long ones were cut."""
        return len(self.offsets) - 1

    @property
    def type_count(self) -> int:
        """Number of distinct words."""
        return len(self.counts)

    def __repr__(self) -> str:
        return (
            f"<Corpus {self.name}: {self.token_count:,} tokens, {self.sentence_count:,} sentences, "
            f"{self.type_count:,} word types>"
        )

    def split(self, heldout_fraction: float = 0.02, split_seed: int = 0) -> Split:
        """Hold out a part for evaluation, and encode both parts by the vocabulary of the rest.

        Whole blocks of neighbouring sentences are held out (64, fewer in a text of less than
        64,000 sentences), chosen by `split_seed` and nothing else. The vocabulary and its counts
        come from the training part; held-out sentences that also occur there, word for word,
        are dropped. The result is kept in the cache beside the text.

        Parameters
        ----------
        heldout_fraction : float
            From 0 (nothing) to 0.5. Where the text is too small to hold out anything, nothing is
            held out and a hint is added to `hints`.
        split_seed : int

        Raises
        ------
        InputError
            For values out of range, or if fewer than two words are left for the vocabulary.
        """
        fraction = _fraction(heldout_fraction)
        seed = whole("evaluation.split_seed", split_seed, None)
        split = self._split(fraction, seed)
        if fraction > 0 and not split.heldout.sentences:
            self._hint(
                f"evaluation.heldout_fraction={heldout_fraction}: {self.name} is too small, or too "
                "repetitive, to hold out a part; nothing is held out"
            )
            split = self._split(0.0, seed)
        return split

    def _split(self, fraction: float, seed: int) -> Split:
        if fraction == 0:
            seed = 0  # makes no difference
        key = settings_key(self.min_count, self.max_vocabulary, fraction, seed)
        folder = self._folder / "splits" / key
        stored = open_arrays(folder)
        if stored is not None:
            return read_split(stored)
        if not is_writable(folder.parent):
            temporary = Path(tempfile.mkdtemp(prefix="nw2v-"))
            weakref.finalize(self, shutil.rmtree, temporary, ignore_errors=True)
            folder = temporary / key

        def write(writer: ArrayWriter) -> None:
            write_split(
                writer,
                RawText(self.tokens, self.offsets, self.counts, self.words),
                min_count=self.min_count,
                max_vocabulary=self.max_vocabulary,
                heldout_fraction=fraction,
                split_seed=seed,
            )

        return read_split(open_or_make(folder, write))

    def _hint(self, hint: str) -> None:
        if hint not in self.hints:
            self.hints.append(hint)
            _LOGGER.info(hint)

    @classmethod
    def _placed(
        cls,
        stored: Arrays,
        place: _Place,
        name: str,
        source: str,
        settings: tuple[int, int | None, int],
        tokenizer: Tokenizer | None,
    ) -> Corpus:
        min_count, max_vocabulary, max_sentence_length = settings
        corpus = cls(
            stored,
            name=name,
            source=source,
            min_count=min_count,
            max_vocabulary=max_vocabulary,
            max_sentence_length=max_sentence_length,
            tokenizer=tokenizer,
        )
        place.keep_for(corpus)
        return corpus


class _Place:
    """The cache folder, or a temporary one where there is none that can be written.

    A context manager: unless a corpus was made that needs it, a temporary folder is removed.
    """

    def __init__(self, wanted: Path | None) -> None:
        self._hint = ""
        self._temporary: Path | None = None
        if wanted is not None and is_writable(wanted):
            self.root = wanted
            return
        self.root = self._temporary = Path(tempfile.mkdtemp(prefix="nw2v-"))
        if wanted is not None:
            self._hint = (
                f"the cache folder {wanted} cannot be written: the encoded text is kept only "
                "until this program ends; set NW2V_CACHE to a folder that can"
            )

    def keep_for(self, corpus: Corpus) -> None:
        """Let the folder live as long as the corpus."""
        if self._temporary is not None:
            # Arrays that are still mapped stay readable after their files are gone.
            weakref.finalize(corpus, shutil.rmtree, self._temporary, ignore_errors=True)
            self._temporary = None
        if self._hint:
            corpus._hint(self._hint)

    def __enter__(self) -> _Place:
        return self

    def __exit__(self, *_: object) -> None:
        if self._temporary is not None:
            shutil.rmtree(self._temporary, ignore_errors=True)


def _stored_text(
    root: Path,
    files: list[TextFile],
    tokenizer: Tokenizer,
    max_sentence_length: int,
    encoding_errors: str,
    progress: Progress | None,
) -> Arrays:
    """Find a text in the cache, or read it: one process does, of those that want it at once."""
    corpora = root / "corpora"
    memo = DigestMemo(root / "digests")
    size = sum(file.size for file in files)
    settings = (tokenizer.settings(), max_sentence_length, encoding_errors)

    def folder(digest: str) -> Path:
        # The size goes first, so that texts that were never read are known by a glance.
        return corpora / f"{size}-{settings_key(digest, *settings)}"

    def find() -> Arrays | None:
        digest = memo.recall(files)
        if digest is None and any(corpora.glob(f"{size}-*")):
            digest = content_digest(files)
            memo.remember(files, digest)
        return None if digest is None else open_arrays(folder(digest))

    def read() -> Arrays:
        content = ContentDigest()
        with staging_folder(corpora) as staging, ArrayWriter(staging) as writer:
            encoder = TextEncoder(writer, tokenizer, max_sentence_length)
            blocks = read_ahead(read_blocks(files, encoding_errors=encoding_errors, digest=content))

            def scan(block: Block) -> tuple[ScannedBlock, int]:
                return encoder.scan(block.text), block.bytes_done

            for scanned, bytes_done in in_parallel(scan, blocks, threads_for_text()):
                encoder.add(scanned)
                if progress is not None:
                    progress(bytes_done, size)
            facts = encoder.finish()
            if not facts["tokens"]:
                where = files[0].path if len(files) == 1 else files[0].path.parent
                raise InputError(f"corpus.path: the corpus is empty: there is no word in {where}")
            writer.seal(facts)
            digest = content.hexdigest()
            stored = publish(staging, folder(digest))
        memo.remember(files, digest)
        return stored

    if not all(file.regular for file in files):
        return read()  # What a pipe gives, nobody else gets.
    stored = find()
    if stored is not None:
        return stored
    # What the content is, only reading it will tell: until then the text goes by its paths.
    with one_at_a_time(corpora / settings_key([os.fspath(file.path) for file in files], *settings)):
        return find() or read()


def _sentence_batches(
    sentences: Iterable[Sequence[str]],
) -> Iterator[tuple[list[Sequence[str]], bytes, int, int]]:
    """Batches of sentences: themselves, as text, their number of words, the first's number."""
    batch: list[Sequence[str]] = []
    words, first = 0, 1
    if isinstance(sentences, (str, bytes)):
        raise InputError("sentences: expected lists of words, got one string")
    number = 0
    for number, sentence in enumerate(sentences, 1):
        if isinstance(sentence, (str, bytes)):
            raise InputError(
                f"sentence {number} is a string, {sentence[:40]!r}: expected a list of words"
            )
        try:
            listed = sentence if isinstance(sentence, (list, tuple)) else list(sentence)
        except TypeError as error:
            raise InputError(
                f"sentence {number} is a {type(sentence).__name__}: expected a list of words"
            ) from error
        batch.append(listed)
        words += len(listed)
        if words >= _SENTENCE_BATCH_WORDS:
            yield batch, _joined(batch, first), words, first
            batch, words, first = [], 0, number + 1
    if batch:
        yield batch, _joined(batch, first), words, first


def _joined(batch: list[Sequence[str]], first: int) -> bytes:
    try:
        return ("\n".join(map(" ".join, batch)) + "\n").encode("utf-8")
    except (TypeError, UnicodeEncodeError) as error:
        raise InputError(_unfit_word(batch, first)) from error


def _unfit_word(batch: list[Sequence[str]], first: int) -> str:
    """Say which word cannot be one."""
    tokenizer = Tokenizer(lowercase=False, unicode_normalization="none")
    for number, sentence in enumerate(batch, first):
        for word in sentence:
            where = f"sentence {number}: the word {word!r}"
            if not isinstance(word, str):
                return f"{where} is a {type(word).__name__}, not a string"
            if any(0xD800 <= ord(character) < 0xE000 for character in word):
                return f"{where} is not valid Unicode"
            if tokenizer(word) != [word]:
                return f"{where} is empty or holds white space: join its parts, as in new_york"
    raise AssertionError("every word is fit")


def _settings(
    min_count: int, max_vocabulary: int | None, max_sentence_length: int
) -> tuple[int, int | None, int]:
    return (
        whole("corpus.min_count", min_count, 1),
        None if max_vocabulary is None else whole("corpus.max_vocabulary", max_vocabulary, 2),
        whole("corpus.max_sentence_length", max_sentence_length, 1),
    )


def _fraction(value: Any) -> float:
    try:
        fraction = float(value)
    except (TypeError, ValueError):
        fraction = math.nan
    if isinstance(value, (bool, str)) or not 0 <= fraction <= 0.5:
        raise InputError(f"evaluation.heldout_fraction={value!r}: expected a number from 0 to 0.5")
    return fraction


def _stem(path: Path) -> str:
    return path.name.partition(".")[0] or path.name or "text"
