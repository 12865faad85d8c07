"""Analogy questions: the package's own, Google's, BATS folders and files of the user."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import numpy as np

from nw2v.errors import InputError
from nw2v.evaluation.set_files import NamedSets, PublishedFile, excerpt, read_lines

RELATIONS_FOLDER = Path(__file__).parent / "data" / "relations"
# All others would make six times the questions, and hardly a more certain score: that depends on
# the number of pairs.
OWN_PARTNERS = 10
MOST_PAIRS = 1000
"""Pairs of one file: a million questions. A longer list of two columns is meant as something else,
the vocabulary of a run, say."""

GOOGLE = PublishedFile(
    file_name="questions-words.txt",
    url="https://raw.githubusercontent.com/tmikolov/word2vec/master/questions-words.txt",
    sha256="8c29b3332afc46f3fb8be04cb5297bf96f39aa7131272dff57869b4485b22a36",
    description="Google's analogy questions (Mikolov et al. 2013)",
)


class AnalogyQuestion(NamedTuple):
    """A is to B as C is to one of the answers.

    `b` holds the alternatives that the file gives for B; the first that the vocabulary knows is
    asked with. Any of `answers` is right.
    """

    a: str
    b: tuple[str, ...]
    c: str
    answers: tuple[str, ...]


class IndexedQuestions(NamedTuple):
    """All questions of a set, section after section, as indices into its different words.

    Alternatives of question q are ``b[b_starts[q]:b_starts[q + 1]]``, and likewise its answers.
    """

    words: list[str]
    a: np.ndarray  # (questions,) int64
    c: np.ndarray  # (questions,) int64
    b: np.ndarray  # (all alternatives,) int64
    b_starts: np.ndarray  # (questions + 1,) int64
    answers: np.ndarray  # (all answers,) int64
    answer_starts: np.ndarray  # (questions + 1,) int64


class AnalogySet:
    """Analogy questions in named sections.

    Parameters
    ----------
    name : str
        Appears in the names of metrics.
    sections : mapping of str to iterable of 4-tuples
        For each section its questions (a, b, c, answer). In the places of b and of the answer
        a tuple of words stands for alternatives.

    Attributes
    ----------
    sections : dict of str to list of AnalogyQuestion

    Raises
    ------
    InputError
        If a question does not have four parts, a part is empty, or there is no question at all.
    """

    def __init__(
        self,
        name: str,
        sections: Mapping[
            str, Iterable[tuple[str, str | tuple[str, ...], str, str | tuple[str, ...]]]
        ],
    ) -> None:
        self.name = name
        self.sections: dict[str, list[AnalogyQuestion]] = {
            section: [_question(name, section, parts) for parts in questions]
            for section, questions in sections.items()
        }
        if len(self) == 0:
            raise InputError(f"analogy set {name!r} has no questions")

    def __len__(self) -> int:
        """Number of questions."""
        return sum(map(len, self.sections.values()))

    @cached_property
    def indexed(self) -> IndexedQuestions:
        """The questions as arrays, made once for all evaluations."""
        questions = list(chain.from_iterable(self.sections.values()))
        index: dict[str, int] = {}

        def number(words: Iterable[str]) -> np.ndarray:
            return np.array([index.setdefault(word, len(index)) for word in words], dtype=np.int64)

        def starts(alternatives: Iterable[tuple[str, ...]]) -> np.ndarray:
            return np.cumsum([0, *map(len, alternatives)], dtype=np.int64)

        a, b, c, answers = zip(*questions, strict=True)
        arrays = number(a), number(c), number(chain.from_iterable(b)), starts(b)
        right = number(chain.from_iterable(answers)), starts(answers)
        return IndexedQuestions(list(index), *arrays, *right)

    def __repr__(self) -> str:
        return f"AnalogySet({self.name!r}: {len(self)} questions, {len(self.sections)} sections)"


def _question(name: str, section: str, parts: tuple) -> AnalogyQuestion:
    if isinstance(parts, AnalogyQuestion) and all(
        isinstance(words, tuple) and words for words in (parts.b, parts.answers)
    ):
        return parts
    try:
        a, b, c, answers = parts
        question = AnalogyQuestion(a, _alternatives(b), c, _alternatives(answers))
    except (TypeError, ValueError):
        question = None
    if question is None or not all(
        isinstance(word, str) and word
        for word in (question.a, *question.b, question.c, *question.answers)
    ):
        raise InputError(
            f"analogy set {name!r}, section {section!r}: {parts!r} is not a question; expected "
            "four words (a, b, c, answer), with tuples of words for alternatives"
        )
    if not question.b or not question.answers:
        raise InputError(
            f"analogy set {name!r}, section {section!r}: {parts!r} has an empty alternative"
        )
    return question


def _alternatives(words: str | Iterable[str]) -> tuple[str, ...]:
    return (words,) if isinstance(words, str) else tuple(words)


def analogy_set_names() -> list[str]:
    """Names that `load_analogies` knows."""
    return _NAMED.names()


def load_analogies(name_or_path: str | os.PathLike[str]) -> AnalogySet:
    """Load analogy questions by name, or from a file or folder.

    Parameters
    ----------
    name_or_path : str or path-like
        One of:

        - ``"nw2v"``: the package's own pairs by relation; each pair is asked about ten others of
          its relation.
        - ``"google"``: the 19,544 questions of Mikolov et al. (2013), from an installed gensim
          or downloaded once.
        - a name that an installed package offers in the entry-point group ``nw2v.analogies``.
        - a file in Google's format: sections begin with a line ``: section``, and each further
          line holds the four words of a question.
        - a file of pairs ``word<TAB>answer/other answer``, each of which is asked about
          all others; the file's name is the section's.
        - a folder of such files of pairs, at any depth (``*.txt``, ``*.tsv``): the format of
          BATS (Gladkova et al. 2016).

        A name wins over a file of the same name; ``./google`` means the file. Empty lines and
        lines that begin with ``#`` are passed over.

    Returns
    -------
    AnalogySet

    Raises
    ------
    InputError
        For an unknown name, a file that cannot be read or downloaded, or a malformed line (with
        file and line number).
    """
    found = _NAMED.load_or_find(name_or_path)
    if not isinstance(found, Path):
        return found
    if found.is_dir():
        return _read_folder(found, found.resolve().name)
    return _read_file(found, found.stem)


def _own() -> AnalogySet:
    return _read_folder(RELATIONS_FOLDER, "nw2v", OWN_PARTNERS)


def _google() -> AnalogySet:
    return _read_file(GOOGLE.path(), "google")


_NAMED = NamedSets("analogy set", {"nw2v": _own, "google": _google}, "nw2v.analogies")


def _read_folder(folder: Path, name: str, partners: int | None = None) -> AnalogySet:
    files = sorted(
        path
        for path in folder.rglob("*")
        if path.suffix in {".txt", ".tsv"} and path.is_file() and not path.name.startswith(".")
    )
    if not files:
        raise InputError(f"{folder}: no files of word pairs (*.txt, *.tsv) in this folder")
    sections: dict[str, list[AnalogyQuestion]] = {}
    for path in files:
        section = path.stem
        if section in sections:
            section = path.relative_to(folder).with_suffix("").as_posix()
        sections[section] = _questions_of_pairs(_read_pairs(path), partners)
    return AnalogySet(name, sections)


def _read_file(path: Path, name: str) -> AnalogySet:
    for _, line in read_lines(path):
        if line.startswith(":") or ("\t" not in line and len(line.split()) == 4):
            return AnalogySet(name, _read_google(path))
        return AnalogySet(name, {path.stem: _questions_of_pairs(_read_pairs(path))})
    raise InputError(f"{path}: no questions in this file")


def _read_google(path: Path) -> dict[str, list[tuple[str, str, str, str]]]:
    sections: dict[str, list[tuple[str, str, str, str]]] = {}
    section = path.stem
    for number, line in read_lines(path):
        if line.startswith(":"):
            section = line.lstrip(": \t")
            if not section:
                raise InputError(f"{path}:{number}: a section needs a name after ':'")
            continue
        words = line.split()
        if len(words) != 4:
            raise InputError(
                f"{path}:{number}: a question has four words, this line has {len(words)}: "
                f"{excerpt(line)}"
            )
        sections.setdefault(section, []).append((words[0], words[1], words[2], words[3]))
    return sections


def _read_pairs(path: Path) -> list[tuple[str, tuple[str, ...]]]:
    pairs = []
    for number, line in read_lines(path):
        columns = line.split("\t") if "\t" in line else line.split()
        columns = [column.strip() for column in columns]
        if len(columns) != 2 or not all(columns):
            raise InputError(
                f"{path}:{number}: expected a word, a tab and its answer (several right answers "
                f"separated by '/'), got {excerpt(line)}"
            )
        answers = tuple(dict.fromkeys(filter(None, map(str.strip, columns[1].split("/")))))
        if not answers:
            raise InputError(f"{path}:{number}: no answer in {excerpt(line)}")
        pairs.append((columns[0], answers))
        if len(pairs) > MOST_PAIRS:
            raise InputError(
                f"{path}: more than {MOST_PAIRS:,} pairs of a word and its answer, of which every "
                "two would make a question; is this a file of analogies?"
            )
    return pairs


def _questions_of_pairs(
    pairs: list[tuple[str, tuple[str, ...]]], partners: int | None = None
) -> list[AnalogyQuestion]:
    """Make a question of every ordered pair of different pairs, or of each and some partners.

    Partners stand at even distances in the list, around its end. A question whose every answer is
    one of its own words is left out: since question words are excluded from the answers, it could
    never be answered ("cat animal" with "dog animal").
    """
    distinct = list(dict.fromkeys(pairs))
    n = len(distinct)
    questions = []
    for i, (a, b) in enumerate(distinct):
        others: Iterable[int] = (j for j in range(n) if j != i)
        if partners is not None and partners < n - 1:
            others = ((i + n * k // (partners + 1)) % n for k in range(1, partners + 1))
        for c, answers in (distinct[j] for j in others):
            if a != c and not {a, c, *b}.issuperset(answers):
                questions.append(AnalogyQuestion(a, b, c, answers))
    return questions
