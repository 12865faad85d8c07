"""What counts as a word: the settings, and their meaning in plain Python."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

from nw2v.errors import InputError

_EXPECTED_WORDS = "whitespace, letters or a regular expression such as [a-z]+"
_NAMED = ("whitespace", "letters")
_NORMALIZATIONS = ("NFC", "NFD", "NFKC", "NFKD", "none")
_PLAIN_NAME = re.compile("[A-Za-z_ -]+")
_APOSTROPHES = "'\u2019"
_CONTROLS = re.compile("[\x00-\x09\x0b\x0c\x0e-\x1f\x7f-\x9f]")


@dataclass(frozen=True)
class Tokenizer:
    """Turns a line of text into words.

    Calling a tokenizer with a line gives its words; this is the definition that the compiled
    reading of files follows, at a hundred times the speed.

    Parameters
    ----------
    lowercase : bool
        Fold words to lower case.
    words : str
        "whitespace": a word is what stands between white space; control characters are white
        space. "letters": a word is a run of letters, digits and combining marks, with single
        apostrophes inside it (``don't``; a typographic one becomes plain). Anything else is a
        regular expression of the module `re` that finds the words of a line, after the line has
        been normalised and folded; white space inside a match separates words too.
    unicode_normalization : {"NFC", "NFD", "NFKC", "NFKD", "none"}
        NFC and NFD make equal what looks equal (é in one character or in two). NFKC and NFKD
        also take away what is only presentation (ligatures, full-width letters), before words
        are found. None is the same as "none".

    Raises
    ------
    InputError
        For a value that is not one of these, or a bad regular expression.

    Examples
    --------
    >>> Tokenizer()("The cat,  the mat")
    ['the', 'cat,', 'the', 'mat']
    >>> Tokenizer(words="letters")("The cat, the mat: don't!")
    ['the', 'cat', 'the', 'mat', "don't"]
    """

    lowercase: bool = True
    words: str = "whitespace"
    unicode_normalization: str | None = "NFC"

    def __post_init__(self) -> None:
        if not isinstance(self.lowercase, bool):
            raise InputError(f"corpus.lowercase={self.lowercase!r}: expected true or false")
        if self.unicode_normalization is None:
            object.__setattr__(self, "unicode_normalization", "none")
        if self.unicode_normalization not in _NORMALIZATIONS:
            raise InputError(
                f"corpus.unicode_normalization={self.unicode_normalization!r}: "
                f"expected {', '.join(_NORMALIZATIONS[:-1])} or {_NORMALIZATIONS[-1]}"
            )
        if not isinstance(self.words, str) or not self.words:
            raise InputError(f"corpus.words={self.words!r}: expected {_EXPECTED_WORDS}")
        if self.words in _NAMED:
            return
        if _PLAIN_NAME.fullmatch(self.words):  # more likely a misspelt name than an expression
            raise InputError(f"corpus.words={self.words!r}: expected {_EXPECTED_WORDS}")
        try:
            re.compile(self.words)
        except (re.error, OverflowError, RecursionError) as error:
            raise InputError(
                f"corpus.words={self.words!r} is not a regular expression: {error}"
            ) from error

    def __call__(self, line: str) -> list[str]:
        """Words of one line of text."""
        if self.rewrites_text:
            return self.rewrite(line).split()
        if self.words == "letters":
            found = _runs_of_letters(line)
        else:
            found = _CONTROLS.sub(" ", line).split()
        return [self.normalise(word) for word in found]

    def settings(self) -> dict[str, Any]:
        """All that the words of a text depend on, as plain values."""
        return {**asdict(self), "unicode_version": unicodedata.unidata_version}

    @property
    def rewrites_text(self) -> bool:
        """Whether the text as a whole must be rewritten before its words can be told apart.

        If not, words are found in the text as it stands and normalised one by one, so that each
        word type needs it once rather than each occurrence.
        """
        return self.words not in _NAMED or self.unicode_normalization in ("NFKC", "NFKD")

    def normalise(self, word: str) -> str:
        """Normalise and fold one word, or any text: neither looks across white space."""
        if word.isascii():
            return word.lower() if self.lowercase else word
        word = self._unicode(word)
        return self._unicode(word.lower()) if self.lowercase else word

    def rewrite(self, text: str) -> str:
        """Normalised words between white space, lines kept: the slow way for any tokenizer."""
        text = self.normalise(_CONTROLS.sub(" ", text))
        if self.words == "whitespace":
            return text
        lines = text.replace("\r", "\n").split("\n")
        if self.words == "letters":
            return "\n".join(" ".join(_runs_of_letters(line)) for line in lines)
        expression = self._expression
        if expression.groups:
            found = ([match[0] for match in expression.finditer(line)] for line in lines)
        else:
            found = (expression.findall(line) for line in lines)
        return "\n".join(" ".join(words) for words in found)

    @cached_property
    def _expression(self) -> re.Pattern[str]:
        return re.compile(self.words)

    def _unicode(self, text: str) -> str:
        form = self.unicode_normalization
        if form == "none" or unicodedata.is_normalized(form, text):  # type: ignore[arg-type]
            return text
        return unicodedata.normalize(form, text)  # type: ignore[arg-type]


def is_letter(character: str) -> bool:
    """Whether a character belongs to a word under words="letters"."""
    return character.isalnum() or unicodedata.category(character)[0] == "M"


def _runs_of_letters(line: str) -> list[str]:
    found: list[str] = []
    word = ""
    for position, character in enumerate(line):
        if is_letter(character):
            word += character
            continue
        following = line[position + 1 : position + 2]
        if word and character in _APOSTROPHES and following and is_letter(following):
            word += "'"
            continue
        if word:
            found.append(word)
        word = ""
    return [*found, word] if word else found
