from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

import pytest

from nw2v.corpus import downloads
from nw2v.errors import InputError
from nw2v.evaluation import AnalogySet, analogy_sets, load_analogies, set_files
from nw2v.evaluation.analogy_sets import GOOGLE, MOST_PAIRS, RELATIONS_FOLDER

BATS_EXAMPLE = {
    "1_Inflectional_morphology/I01 [noun - plural_reg].txt": "year\tyears\ncar\tcars\n",
    "3_Lexicographic_semantics/L01 [hypernyms - animals].txt": (
        "cat\tfeline/animal\nwolf\tcanine/animal\ndog\tanimal\n"
    ),
}


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture
def bats(tmp_path: Path) -> Path:
    for name, text in BATS_EXAMPLE.items():
        write(tmp_path / "BATS_3.0" / name, text)
    write(tmp_path / "BATS_3.0" / "metadata.json", "{}")
    return tmp_path / "BATS_3.0"


def test_google_format(tmp_path):
    path = write(
        tmp_path / "mine.txt",
        ": capital-world\nAthens Greece Baghdad Iraq\n\n# a comment\n"
        ": gram1\namazing amazingly calm calmly\nAthens Greece Bern Switzerland\n",
    )
    questions = load_analogies(path)
    assert questions.name == "mine"
    assert len(questions) == 3
    assert list(questions.sections) == ["capital-world", "gram1"]
    assert questions.sections["capital-world"] == [("Athens", ("Greece",), "Baghdad", ("Iraq",))]


def test_a_section_that_comes_twice_is_one_section(tmp_path):
    path = write(tmp_path / "x.txt", ": s\na b c d\n: t\na b c d\n: s\ne f g h\n")
    assert {name: len(q) for name, q in load_analogies(str(path)).sections.items()} == {
        "s": 2,
        "t": 1,
    }


def test_four_words_a_line_without_sections(tmp_path):
    path = write(tmp_path / "plain.txt", "a b c d\ne f g h\n")
    assert list(load_analogies(path).sections) == ["plain"]


def test_windows_line_ends_and_byte_order_mark(tmp_path):
    path = tmp_path / "windows.txt"
    path.write_bytes("\ufeff: s\r\na b c d\r\n".encode())
    assert load_analogies(path).sections == {"s": [("a", ("b",), "c", ("d",))]}


def test_pairs_become_all_ordered_pairs_of_different_pairs(tmp_path):
    path = write(
        tmp_path / "plural.tsv", "# nouns\ncar\tcars\ncat\tcats\ncar\tcars\nox\toxen/oxes\n"
    )
    questions = load_analogies(path).sections["plural"]
    assert [(q.a, q.c) for q in questions] == [
        ("car", "cat"),
        ("car", "ox"),
        ("cat", "car"),
        ("cat", "ox"),
        ("ox", "car"),
        ("ox", "cat"),
    ]
    assert questions[1] == ("car", ("cars",), "ox", ("oxen", "oxes"))
    assert questions[5] == ("ox", ("oxen", "oxes"), "cat", ("cats",))


def test_questions_that_exclude_their_only_answer_are_left_out(bats):
    questions = load_analogies(bats).sections["L01 [hypernyms - animals]"]
    assert [(q.a, q.c) for q in questions] == [
        ("cat", "wolf"),
        ("wolf", "cat"),
        ("dog", "cat"),
        ("dog", "wolf"),
    ]


def test_bats_folder(bats):
    questions = load_analogies(bats)
    assert questions.name == "BATS_3.0"
    assert list(questions.sections) == [
        "I01 [noun - plural_reg]",
        "L01 [hypernyms - animals]",
    ]


def test_files_of_the_same_name_in_different_folders(bats):
    write(bats / "other" / "I01 [noun - plural_reg].txt", "cat\tcats\ndog\tdogs\n")
    assert "other/I01 [noun - plural_reg]" in load_analogies(bats).sections


def test_the_packages_own_set():
    questions = load_analogies("nw2v")
    assert questions.name == "nw2v"
    assert len(questions.sections) >= 20
    assert len(questions.sections) == len(list(RELATIONS_FOLDER.glob("*.tsv")))
    assert all(questions.sections.values())


def test_google_is_found_in_gensim_without_importing_it():
    pytest.importorskip("gensim")
    sys.modules.pop("gensim.test", None)
    questions = load_analogies("google")
    assert (questions.name, len(questions), len(questions.sections)) == ("google", 19_544, 14)
    assert "gensim.test" not in sys.modules


def test_google_is_downloaded_where_gensim_is_not(monkeypatch, tmp_path):
    copy = write(tmp_path / "copy.txt", ": s\na b c d\n")
    calls = []

    def fetch(*arguments):
        calls.append(arguments)
        return copy

    monkeypatch.setattr(set_files.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(downloads, "fetch", fetch)
    monkeypatch.setenv("NW2V_CACHE", str(tmp_path))
    assert len(load_analogies("google")) == 1
    assert calls == [
        (GOOGLE.file_name, GOOGLE.url, f"sha256:{GOOGLE.sha256}", tmp_path, GOOGLE.description)
    ]


def test_the_download_is_googles_file(real_data):
    import hashlib

    path = real_data / "evaluation" / GOOGLE.file_name
    assert hashlib.sha256(path.read_bytes()).hexdigest() == GOOGLE.sha256


def test_alternatives_may_be_given_as_tuples_or_words():
    questions = AnalogySet("x", {"s": [("a", "b", "c", ("d", "e")), ("a", ("b", "f"), "c", "d")]})
    assert questions.sections["s"] == [
        ("a", ("b",), "c", ("d", "e")),
        ("a", ("b", "f"), "c", ("d",)),
    ]
    indexed = questions.indexed
    assert [indexed.words[i] for i in indexed.b] == ["b", "b", "f"]
    assert indexed.b_starts.tolist() == [0, 1, 3]
    assert [indexed.words[i] for i in indexed.answers] == ["d", "e", "d"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (": s\na b c\n", r"bad\.txt:2: a question has four words, this line has 3: 'a b c'"),
        (": s\na b c d e\n", r"bad\.txt:2: a question has four words, this line has 5"),
        (":\na b c d\n", r"bad\.txt:1: a section needs a name"),
        ("cat\tcats\ndog\n", r"bad\.txt:2: expected a word, a tab and its answer"),
        ("cat\tcats\tmore\n", r"bad\.txt:1: expected a word, a tab and its answer"),
        ("cat\t/\n", r"bad\.txt:1: no answer in"),
        ("", r"bad\.txt: no questions in this file"),
        ("# nothing\n", r"bad\.txt: no questions in this file"),
        (": s\n", r"no questions"),
        ("cat\tcats\n", r"no questions"),
    ],
)
def test_malformed_files_say_where(tmp_path, text, message):
    with pytest.raises(InputError, match=message):
        load_analogies(write(tmp_path / "bad.txt", text))


def test_not_utf8_says_the_line(tmp_path):
    path = tmp_path / "latin.txt"
    path.write_bytes(": s\na b c d\ncaf\xe9 b c d\n".encode("latin-1"))
    with pytest.raises(InputError, match=r"latin\.txt:3: not UTF-8 \(byte 0xe9\)"):
        load_analogies(path)


def test_unknown_names_list_near_names():
    with pytest.raises(InputError, match="unknown analogy set 'gogle': did you mean 'google'"):
        load_analogies("gogle")
    with pytest.raises(InputError, match="no such file, and the known names are google, nw2v"):
        load_analogies("some/where.txt")


def test_a_long_list_of_two_columns_is_no_set_of_pairs(tmp_path):
    file = tmp_path / "vocabulary.tsv"
    most = [f"word{i}\t{i}\n" for i in range(MOST_PAIRS)]
    file.write_text("".join(most), encoding="utf-8")
    pairs = analogy_sets._read_pairs(file)
    assert len(pairs) == MOST_PAIRS
    file.write_text("".join([*most, "one\tmore\n"]), encoding="utf-8")
    for path in (file, tmp_path):
        with pytest.raises(InputError, match=r"vocabulary\.tsv: more than 1,000 pairs"):
            load_analogies(path)


def test_a_folder_without_pairs(tmp_path):
    with pytest.raises(InputError, match="no files of word pairs"):
        load_analogies(tmp_path)


@pytest.mark.parametrize(
    "question",
    [
        ("a", "b", "c"),
        ("a", "b", "c", ""),
        ("a", "", "c", "d"),
        ("a", "b", "c", ()),
        ("a", "b", 3, "d"),
        ("a", "b", "c", ("d", "")),
        None,
    ],
)
def test_bad_questions(question):
    with pytest.raises(InputError, match="analogy set 'x', section 's'"):
        AnalogySet("x", {"s": [question]})
    with pytest.raises(InputError, match="has no questions"):
        AnalogySet("x", {"s": []})


def test_the_own_set_asks_each_pair_about_ten_others():
    for section, questions in load_analogies("nw2v").sections.items():
        asked = Counter(question.a for question in questions)
        answering = Counter(question.c for question in questions)
        assert set(asked.values()) == set(answering.values()) == {10}, section
        assert len({(question.a, question.c) for question in questions}) == len(questions)
