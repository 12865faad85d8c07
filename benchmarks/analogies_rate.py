"""Google's analogies: nw2v's evaluation beside gensim's, the same answers question by question.

python benchmarks/analogies_rate.py                                # random vectors
python benchmarks/analogies_rate.py --model vectors.bin --analogies google
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from reporting import command_line, in_words, machine, markdown, run_benchmark, table

from nw2v import InputError, WordVectors
from nw2v.evaluation import AnalogyScores, AnalogySet, evaluate_analogies, load_analogies
from nw2v.evaluation.analogy_sets import AnalogyQuestion

if TYPE_CHECKING:
    from gensim.models import KeyedVectors

SECTIONS = 14
"""Google's questions come in as many."""
PAIRS_A_SECTION = 38
"""Each pair of a section with each other one: as Google's sections are made, 19,684 questions."""
SEED = 1


def random_vectors(words: int, dim: int) -> WordVectors:
    """Make vectors of the words w0, w1, ... without any meaning."""
    vectors = np.random.default_rng(SEED).standard_normal((words, dim), dtype=np.float32)
    return WordVectors([f"w{rank}" for rank in range(words)], vectors, np.arange(words, 0, -1))


def random_questions(vectors: WordVectors, pairs: int) -> tuple[WordVectors, AnalogySet]:
    """Make questions of random pairs of words, each pair with each other one of its section.

    For half of the pairs, the second word gets another vector, so that the answers come out right:
    what is compared is not only which wrong word comes first. The vectors with those changes are
    returned beside the questions.
    """
    random = np.random.default_rng(SEED)
    if len(vectors) < 2 * pairs * SECTIONS:
        raise InputError(
            f"{SECTIONS} sections of {pairs} pairs need {2 * pairs * SECTIONS:,} words, there are "
            f"{len(vectors):,}: give more --words or fewer --pairs"
        )
    chosen = random.permutation(len(vectors))[: 2 * pairs * SECTIONS].reshape(SECTIONS, pairs, 2)
    sections = {}
    changed = np.array(vectors.vectors)
    for number, section in enumerate(chosen):
        difference = random.standard_normal(changed.shape[1], dtype=np.float32)
        for a, b in section[: pairs // 2]:
            changed[b] = changed[a] + difference
        words = [(vectors.words[a], vectors.words[b]) for a, b in section]
        sections[f"section-{number + 1}"] = [
            (*one, *other) for one in words for other in words if other != one
        ]
    changed_vectors = WordVectors(vectors.words, changed, vectors.counts)
    return changed_vectors, AnalogySet("random", sections)


def one_answer_set(analogies: AnalogySet) -> AnalogySet:
    """Check that every question is one that gensim knows too: four words, no alternatives."""
    for section, questions in analogies.sections.items():
        for question in questions:
            if len(question.b) != 1 or len(question.answers) != 1:
                raise InputError(f"section {section}: gensim knows no alternative words")
    return analogies


def first_questions(analogies: AnalogySet, most: int) -> AnalogySet:
    """Take as many questions of each section, about `most` in all."""
    a_section = max(1, most // len(analogies.sections))
    return AnalogySet(
        analogies.name,
        {name: list(questions)[:a_section] for name, questions in analogies.sections.items()},
    )


def write_questions(analogies: AnalogySet, path: Path) -> None:
    """Write questions in Google's format."""
    with path.open("w", encoding="utf-8") as file:
        for section, questions in analogies.sections.items():
            file.write(f": {section}\n")
            for one in questions:
                file.write(f"{one.a} {one.b[0]} {one.c} {one.answers[0]}\n")


def gensim_verdicts(sections: Sequence[dict[str, Any]]) -> dict[tuple[str, ...], bool]:
    """Tell of each question that gensim could answer, in its capitals, whether it was right."""
    verdicts: dict[tuple[str, ...], bool] = {}
    for section in sections:
        for kind, is_right in (("correct", True), ("incorrect", False)):
            verdicts.update(((section["section"], *one), is_right) for one in section[kind])
    return verdicts


def gensim_answer(keyed: KeyedVectors, words: int, question: AnalogyQuestion) -> str:
    """Find the answer that gensim's evaluation takes, which it does not tell."""
    known: dict[str, str] = keyed.__dict__.setdefault("upper", {})
    if not known:
        for word in reversed(keyed.index_to_key[:words]):
            known[word.upper()] = word
    a, b, c = (known[word.upper()] for word in (question.a, question.b[0], question.c))
    nearest = keyed.most_similar(positive=[b, c], negative=[a], topn=5, restrict_vocab=words)
    asked = {word.upper() for word in (a, b, c)}
    return next(word.upper() for word, _ in nearest if word.upper() not in asked)


def differences(
    ours: AnalogyScores, keyed: KeyedVectors, words: int, sections: Sequence[dict[str, Any]]
) -> list[str]:
    """Compare question by question whether it is answered, whether rightly, and by which word."""
    verdicts = gensim_verdicts(sections)
    found = []
    section_of = np.repeat(np.array(ours.sections, dtype=object), ours.questions)
    for section, question, answer, is_right in zip(
        section_of, ours.asked, ours.predictions, ours.right.tolist(), strict=True
    ):
        given = (question.a, question.b[0], question.c, question.answers[0])
        verdict = verdicts.get((section, *(word.upper() for word in given)))
        same = verdict is None
        if answer is not None:
            same = verdict == is_right and answer.upper() == gensim_answer(keyed, words, question)
        if not same:
            found.append(" ".join(given))
    return found


def to_gensim(vectors: WordVectors) -> KeyedVectors:
    from gensim.models import KeyedVectors

    keyed = KeyedVectors(vectors.vectors.shape[1])
    keyed.add_vectors(list(vectors.words), np.asarray(vectors.vectors))
    return keyed


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """Time both on the same questions, in turn."""
    if arguments.rounds < 1 or arguments.pairs < 2:
        raise InputError("--rounds must be 1 or more, --pairs 2 or more")
    if arguments.model is None:
        vectors = random_vectors(arguments.words, arguments.dim)
    else:
        vectors = WordVectors.load(arguments.model)
    if arguments.analogies is None:
        if arguments.model is not None:
            raise InputError("--model needs --analogies: random questions would change its vectors")
        vectors, analogies = random_questions(vectors, arguments.pairs)
    else:
        analogies = one_answer_set(load_analogies(arguments.analogies))
    fewer = analogies
    if arguments.gensim_questions:
        fewer = first_questions(analogies, arguments.gensim_questions)
    words = min(arguments.words, len(vectors))
    record: dict[str, Any] = {
        "command": command_line("analogies_rate.py", arguments, parser()),
        "machine": machine("gensim"),
        "words": words,
        "dim": int(vectors.vectors.shape[1]),
        "questions": len(analogies),
        "gensim_questions": len(fewer),
    }
    keyed = to_gensim(vectors)
    ours: list[float] = []
    theirs: list[float] = []
    # Compiles, and lets both normalise their vectors once.
    evaluate_analogies(vectors, first_questions(analogies, 1), max_words=words, fold_case=True)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "questions.txt"
        write_questions(first_questions(analogies, 1), path)
        keyed.evaluate_word_analogies(str(path), restrict_vocab=words)
        write_questions(fewer, path)
        for turn in range(arguments.rounds):
            for system in ("nw2v", "gensim") if turn % 2 == 0 else ("gensim", "nw2v"):
                start = time.perf_counter()
                if system == "nw2v":
                    scores = evaluate_analogies(vectors, analogies, max_words=words, fold_case=True)
                    ours.append(time.perf_counter() - start)
                else:
                    _, sections = keyed.evaluate_word_analogies(str(path), restrict_vocab=words)
                    theirs.append(time.perf_counter() - start)
                print(f"{system}: {time.perf_counter() - start:.2f} s", flush=True)
    same = scores if fewer is analogies else None
    if same is None:
        same = evaluate_analogies(vectors, fewer, max_words=words, fold_case=True)
    different = differences(same, keyed, words, sections[:-1])
    record |= {
        "nw2v_seconds": ours,
        "gensim_seconds": theirs,
        "accuracy": scores.accuracy,
        "coverage": scores.coverage,
        "different": different,
        "times_as_fast": statistics.median(
            (other / len(fewer)) / (one / len(analogies))
            for one, other in zip(ours, theirs, strict=True)
        ),
    }
    return record


def report(record: dict[str, Any]) -> str:
    """Put everything that was measured into Markdown."""
    rows = []
    for system, questions in (("gensim", "gensim_questions"), ("nw2v", "questions")):
        seconds = statistics.median(record[f"{system}_seconds"])
        rows.append(
            [
                system,
                f"{record[questions]:,}",
                f"{seconds:.2f}",
                f"{record[questions] / seconds:,.0f}",
            ]
        )
    same = "the same word as the answer to each"
    if record["different"]:
        same = f"different answers to {len(record['different'])}"
    scaled = ""
    if record["gensim_questions"] < record["questions"]:
        scaled = " gensim got the first questions of each section alone; times are per question."
    rounds = len(record["nw2v_seconds"])
    return markdown(
        "Analogies: nw2v beside gensim",
        record,
        f"Machine: {in_words(record['machine'])}.  \n{record['words']:,} words of "
        f"{record['dim']} dimensions.",
        table(["system", "questions", "seconds", "questions/s"], rows),
        f"Medians of {rounds} rounds in turn; {record['times_as_fast']:.1f} times as fast.{scaled} "
        f"Of the {record['gensim_questions']:,} questions that both got, both systems give {same} "
        f"(accuracy {100 * record['accuracy']:.2f} %, coverage {100 * record['coverage']:.1f} %).",
    )


def parser() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    add = options.add_argument
    add("--model", metavar="MODEL", help="a vectors file (default: random vectors)")
    add("--analogies", metavar="SET", help="a name or a file (default: random questions)")
    add("--words", type=int, default=60_000, help="words that can be answers (default: 60,000)")
    add("--dim", type=int, default=100, help="of the random vectors (default: 100)")
    add("--pairs", type=int, default=PAIRS_A_SECTION, help="of each of 14 random sections")
    add(
        "--gensim-questions",
        type=int,
        default=2_000,
        help="how many gensim gets (default: 2,000; 0: all, which takes it minutes)",
    )
    add("--rounds", type=int, default=3)
    add("--out", metavar="PREFIX", help="writes PREFIX.md and PREFIX.json")
    return options


if __name__ == "__main__":
    found = run_benchmark("analogies_rate", parser(), measure, report)
    raise SystemExit(1 if found["different"] else 0)
