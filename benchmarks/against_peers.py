"""nw2v beside gensim and other programs in one sitting: speed and quality of the same training.

    python benchmarks/against_peers.py --corpus FILE --analogies google --similarity men ...
    python benchmarks/against_peers.py --grid --vocabulary 200000

Each run is a process of its own; the systems take turns, so that a machine that slows down slows
down all. Writes a Markdown report, a figure and all numbers as JSON.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from reporting import RESULTS, command_line, in_words, machine, markdown, table, write_results
from systems import Run, RunFailedError, System, bare_mebibytes, passes_made, run
from texts import open_corpus, write_text, write_zipf_text, zipf_counts

from nw2v import Corpus, InputError, WordVectors
from nw2v.cores import available_cores
from nw2v.evaluation import (
    AnalogySet,
    SimilaritySet,
    evaluate_analogies,
    evaluate_similarity,
    load_analogies,
    load_similarity,
)
from nw2v.training.settings import TrainingSettings

WARM_UP_WORDS = 5_000
TRAINING_KEYWORDS = ("epochs", "dim", "window", "negatives", "subsample", "threads")
BINARIES = ("word2vec.c", "pWord2Vec", "fastText")
OURS = ("nw2v", "nw2v deterministic", "nw2v train", "nw2v train with MLflow")
GRID_WORDS = 2_000_000
CLAIMED_EVERYWHERE = 8.0
"""What the grid checks: nowhere slower than so many times gensim."""
MEBIBYTE = 2**20


# --- what is compared ---------------------------------------------------------------------------


def option_of(program: str) -> str:
    """Name of the options of a program: word2vec-c for word2vec.c."""
    return program.lower().replace(".", "-")


def systems(arguments: argparse.Namespace) -> list[System]:
    """List what is compared: first gensim at its default learning rate, the base of ratios."""
    given = vars(arguments)
    chosen: list[System] = []
    for program in ("gensim", *OURS, *BINARIES):
        if program in BINARIES:
            binary = given[option_of(program).replace("-", "_")]
            if binary is None:
                continue
            if not Path(binary).is_file():
                raise InputError(f"--{option_of(program)} {binary}: no such program")
            rates = given[f"{option_of(program)}_learning_rate".replace("-", "_")]
        else:
            if program != "gensim" and program not in arguments.systems:
                continue
            binary = None
            rates = arguments.gensim_learning_rate if program == "gensim" else []
            if program == "nw2v":
                rates = arguments.nw2v_learning_rate
        passes = arguments.nw2v_epochs if program == "nw2v" else []
        for epochs in (None, *passes):
            chosen += [System(program, rate, binary, epochs) for rate in (None, *rates)]
    labels = [system.label for system in chosen]
    for label in labels:
        if labels.count(label) > 1:
            raise InputError(f"{label} is named twice")
    return chosen


def settings(arguments: argparse.Namespace) -> dict[str, Any]:
    """Take the settings that all systems share from the command line, checked."""
    given = vars(arguments)
    rates = (arguments.gensim_learning_rate, arguments.nw2v_learning_rate)
    keywords = {name: given[name] for name in TRAINING_KEYWORDS}
    for rate in (None, *itertools.chain(*rates)):
        TrainingSettings(learning_rate=rate, **keywords)
    for epochs in arguments.nw2v_epochs:
        try:
            TrainingSettings(**{**keywords, "epochs": epochs})
        except InputError as error:
            raise InputError(f"--nw2v-epochs {epochs}: {error}") from error
    return {name: given[name] for name in (*TRAINING_KEYWORDS, "min_count")}


# --- the text and the scores --------------------------------------------------------------------


def prepare_text(arguments: argparse.Namespace, folder: Path) -> tuple[Path, dict[str, Any]]:
    """Write the text that all systems read, and describe it: with its vocabulary, by id."""
    text = folder / "text.txt"
    if arguments.vocabulary is not None:
        words = arguments.words or 2 * GRID_WORDS
        write_zipf_text(text, zipf_counts(arguments.vocabulary, words, arguments.min_count))
        name = f"zipf-{arguments.vocabulary}"
    else:
        corpus = open_corpus(arguments.corpus, arguments.min_count)
        write_text(corpus, text, arguments.words)
        name = corpus.name
    corpus = Corpus.from_file(text, min_count=arguments.min_count, cache_dir=folder / "cache")
    vocabulary = corpus.split(0.0, 0).vocabulary
    facts = {
        "name": name,
        "tokens": corpus.token_count,
        "sentences": corpus.sentence_count,
        "vocabulary_size": len(vocabulary),
        "vocabulary_tokens": int(vocabulary.counts.sum()),
    }
    return text, {**facts, "words": list(vocabulary.words)}


def write_beginning(text: Path, beginning: Path) -> None:
    """Write the first words of a text: enough to have everything compiled."""
    words = 0
    with text.open(encoding="utf-8") as file, beginning.open("w", encoding="utf-8") as out:
        for line in file:
            out.write(line)
            words += line.count(" ") + 1
            if words > WARM_UP_WORDS:
                break


def in_order(vectors: WordVectors, words: Sequence[str], label: str) -> WordVectors:
    """Put vectors into the order of the vocabulary: equally frequent words lie differently."""
    rows = {word: row for row, word in enumerate(vectors.words)}
    missing = [word for word in words if word not in rows]
    if missing or len(rows) != len(words):
        raise RunFailedError(
            f"{label} has another vocabulary: {len(rows):,} words, not {len(words):,}; "
            f"it lacks {', '.join(missing[:5]) or 'none'}"
        )
    order = np.array([rows[word] for word in words])
    return WordVectors(words, np.asarray(vectors.vectors)[order])


def score(
    vectors: WordVectors,
    analogies: Sequence[AnalogySet],
    similarity: Sequence[SimilaritySet],
    analogy_words: int,
) -> dict[str, float]:
    """Score vectors on each set, in hundredths: accuracy by 3CosAdd, Spearman's correlation."""
    scores = {
        one.name: evaluate_analogies(vectors, one, max_words=analogy_words).accuracy
        for one in analogies
    }
    scores |= {one.name: evaluate_similarity(vectors, one).spearman for one in similarity}
    for name, value in scores.items():
        if np.isnan(value):
            raise InputError(f"the text has too few words of the set {name} to score it")
    if scores:
        scores["mean"] = statistics.fmean(scores.values())
    return {name: 100 * value for name, value in scores.items()}


def speed_of(program: str, run: Run, text: dict[str, Any], setting: dict[str, Any]) -> float:
    """Words a second: words of the vocabulary times passes, by training seconds."""
    words = text["vocabulary_tokens"] * setting["epochs"] * passes_made(program, text)
    return float(run.measured.get("trained_words", words)) / float(run.measured["training_seconds"])


def summary(runs: Sequence[dict[str, Any]], base: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Medians of the times of a system, of its ratios to the base round by round; mean scores."""
    result: dict[str, Any] = {
        name: statistics.median(run[name] for run in runs)
        for name in ("training_seconds", "whole_seconds", "words_per_second")
    }
    result["learning_rate"] = runs[0]["learning_rate"]
    result["training_told"] = all(run.get("training_told", True) for run in runs)
    memory = [run["mebibytes_above_imports"] for run in runs]
    result["mebibytes_above_imports"] = None if None in memory else statistics.median(memory)
    for name in ("training_seconds", "whole_seconds"):
        result[f"times_{name}"] = statistics.median(
            other[name] / run[name] for run, other in zip(runs, base, strict=True)
        )
    result["scores"] = {
        name: statistics.fmean(run["scores"][name] for run in runs) for name in runs[0]["scores"]
    }
    return result


# --- the report ---------------------------------------------------------------------------------


def times_of(label: str, runs: Sequence[dict[str, Any]]) -> list[list[str]]:
    """How many times as fast a system is as each other one, round by round: a row for each."""
    of_system: dict[str, list[dict[str, Any]]] = {}
    for one in runs:
        of_system.setdefault(one["system"], []).append(one)
    own = of_system.pop(label, None)
    if own is None:
        return []
    rows = []
    for other, theirs in of_system.items():
        times = summary(own, theirs)
        names = ("times_training_seconds", "times_whole_seconds")
        rows.append([other, *(f"{times[name]:.1f}" for name in names)])
    return rows


def _number(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:.{digits}f}"


def report(record: dict[str, Any]) -> str:
    """Put everything that was measured into Markdown."""
    runs: list[dict[str, Any]] = record["runs"]
    summaries: dict[str, dict[str, Any]] = record["summary"]
    base_label = next(iter(summaries))
    best_label = record["best_gensim"]
    names = list(summaries[base_label]["scores"])
    speed = [
        [
            label,
            _number(one["learning_rate"], 3) if one["learning_rate"] else "default",
            f"{one['training_seconds']:.2f}" + ("" if one["training_told"] else " (whole)"),
            f"{one['whole_seconds']:.2f}",
            f"{one['words_per_second'] / 1e6:.2f} M",
            f"{one['times_training_seconds']:.2f}",
            f"{one['times_whole_seconds']:.2f}",
            _number(one["mebibytes_above_imports"], 0),
        ]
        for label, one in summaries.items()
    ]
    quality = []
    for label, one in summaries.items():
        row = [label, *(f"{one['scores'][name]:.1f}" for name in names)]
        for peer in dict.fromkeys([base_label, best_label]):
            less = {name: one["scores"][name] - summaries[peer]["scores"][name] for name in names}
            lowest = min((less[name], name) for name in names if name != "mean" or len(names) == 1)
            row += [f"{less['mean']:+.1f}", f"{lowest[0]:+.1f} ({lowest[1]})"]
        quality.append(row)
    compared = ["mean, less gensim's", "least of all sets"]
    if best_label != base_label:
        compared += ["mean, less gensim's at its best", "least of all sets"]
    single = [
        [
            run["system"],
            str(run["seed"]),
            f"{run['training_seconds']:.2f}",
            f"{run['whole_seconds']:.2f}",
            *(f"{run['scores'][name]:.1f}" for name in names),
        ]
        for run in runs
    ]
    beside = times_of(record["fast"], runs)
    text, rounds, setting = record["text"], len({run["seed"] for run in runs}), record["setting"]
    matrices = 2 * 4 * text["vocabulary_size"] * setting["dim"] / MEBIBYTE
    parts = [
        f"Text: {text['name']}, {text['tokens']:,} words in {text['sentences']:,} sentences; "
        f"{text['vocabulary_size']:,} words in the vocabulary, which stand for "
        f"{text['vocabulary_tokens']:,} of them.  \nAll, but for what their names say: "
        f"{in_words(setting)}.  "
        f"\nMachine: {in_words(record['machine'])}.",
        f"## Speed, medians of {rounds} round{'s' if rounds > 1 else ''}",
        table(
            [
                *("system", "learning rate", "training s", "whole s", "words/s"),
                *("times as fast: training", "whole", "peak MiB above imports"),
            ],
            speed,
        ),
        "Training: the passes alone (of a peer's binary: by the progress that it prints; where it "
        "prints too little, the whole time, and the table says so). Whole: the process, from its "
        "start until the vectors are there. `nw2v train` is the whole command down to the files "
        "of the run. Words/s: words of the vocabulary times passes, by training seconds. Times: "
        f"median over the rounds of the ratio to {base_label} in the same round. Peak: memory of "
        "the process less that of one which only imports the same packages; the two matrices take "
        f"{matrices:.0f} MiB. A first, short run of nw2v took {record['warm_up_seconds']:.1f} s: "
        "it compiles what is not compiled yet, and is not counted.",
    ]
    if beside:
        parts += [
            f"How many times as fast {record['fast']} is, median of the rounds:",
            table(["beside", "training", "whole"], beside),
        ]
    if portable := record["portable"]:
        fast = next((one for label, one in summaries.items() if label == record["fast"]), None)
        ratio = f", 1/{fast['words_per_second'] / portable:.1f} of it" if fast else ""
        parts.append(
            f"The same training without register code, the portable path that the tests compare "
            f"it with: {portable / 1e6:.3f} M words/s{ratio} (on the first "
            f"{record['portable_words']:,} words, one pass)."
        )
    parts += [
        f"## Quality, means of {rounds} seed{'s' if rounds > 1 else ''}",
        table(["system", *names, *compared], quality),
        f"Analogies: accuracy by 3CosAdd over the {record['analogy_words']:,} most frequent words; "
        "similarity: Spearman's correlation; both times 100, by the same code for all systems, on "
        "center vectors."
        + (f" gensim scores best as {best_label}." if best_label != base_label else "")
        + (
            " The binaries are told no seed: their rounds differ by the race of their threads "
            "alone. pWord2Vec draws its negatives once a window, for all its pairs together; "
            "fastText draws them by the square root of their counts, and passes over the text more "
            "often the more of its words are too rare for the vocabulary."
            if any(run["program"] in BINARIES for run in runs)
            else ""
        ),
        "## Every run, in the order of the sitting",
        table(["system", "seed", "training s", "whole s", *names], single),
    ]
    return markdown(f"nw2v against its peers: {text['name']}", record, *parts)


def figure(record: dict[str, Any]) -> Any:
    """Draw training time against the mean score, one point a run."""
    from nw2v.plots.figure import BLUE, GREEN, GREY, INK, ORANGE, dress, new_figure

    colours = {"gensim": ORANGE, "nw2v": BLUE, "nw2v deterministic": GREEN}
    drawing = new_figure(7.0, 4.2)
    axes = drawing.subplots()
    for number, label in enumerate(record["summary"]):
        runs = [run for run in record["runs"] if run["system"] == label]
        axes.scatter(
            [run["training_seconds"] for run in runs],
            [run["scores"]["mean"] for run in runs],
            s=34,
            alpha=0.8,
            color=colours.get(runs[0]["program"], GREY),
            marker="osD^vPX*<>"[number % 10],
            label=label,
        )
    axes.set_xscale("log")
    name = record["text"]["name"]
    dress(axes, f"One point a run: {name}", "training seconds", "mean score, hundredths")
    axes.legend(
        frameon=False, fontsize=8, labelcolor=INK, loc="center left", bbox_to_anchor=(1.0, 0.5)
    )
    return drawing


# --- the sitting --------------------------------------------------------------------------------


def turns(order: Sequence[System], rounds: int) -> Iterator[tuple[int, System]]:
    """Give the runs of a sitting: in each round all systems, each beginning one in turn."""
    for number in range(rounds):
        first = number % len(order)
        for system in (*order[first:], *order[:first]):
            yield number + 1, system


def warm_up(order: Sequence[System], text: Path, setting: dict[str, Any], folder: Path) -> float:
    """Have everything compiled before it is timed: seconds that the first run took."""
    beginning = folder / "beginning.txt"
    write_beginning(text, beginning)
    short = {**setting, "min_count": 1, "epochs": 1}
    seconds = []
    for program in dict.fromkeys(["nw2v", *(one.program for one in order if one.binary is None)]):
        seconds.append(run(System(program), beginning, short, 1).measured["whole_seconds"])
    return float(seconds[0])


class Sitting:
    """Runs of systems on one text, each with its times, memory and scores.

    Parameters
    ----------
    arguments : argparse.Namespace
    folder : Path
        For the text.
    programs : iterable of str
        Whose imports are weighed first.
    is_scored : bool
        Whether the text has words that sets ask for.

    Raises
    ------
    InputError
        If there is nothing to score by.
    """

    def __init__(
        self,
        arguments: argparse.Namespace,
        folder: Path,
        programs: Iterable[str],
        *,
        is_scored: bool = True,
    ) -> None:
        self.analogies = [load_analogies(name) for name in arguments.analogies if is_scored]
        self.similarity = [load_similarity(name) for name in arguments.similarity if is_scored]
        if is_scored and not self.analogies and not self.similarity:
            raise InputError("nothing to score: give --analogies or --similarity")
        self.analogy_words: int = arguments.analogy_words
        self.rounds: int = arguments.seeds
        self.text, self.facts = prepare_text(arguments, folder)
        self.words: list[str] = self.facts.pop("words")
        self.bare = {program: bare_mebibytes(program) for program in programs}

    def runs(self, order: Sequence[System], setting: dict[str, Any]) -> list[dict[str, Any]]:
        """Run all systems in all rounds, and score what they learnt."""
        return [self._run(system, setting, seed) for seed, system in turns(order, self.rounds)]

    def _run(self, system: System, setting: dict[str, Any], seed: int) -> dict[str, Any]:
        own = system.setting(setting)
        done = run(system, self.text, own, seed)
        assert done.vectors is not None
        vectors = in_order(done.vectors, self.words, system.label)
        scores = score(vectors, self.analogies, self.similarity, self.analogy_words)
        peak, bare = done.measured["peak_mebibytes"], self.bare[system.program]
        one = {
            "system": system.label,
            "program": system.program,
            "seed": seed,
            **done.measured,
            "words_per_second": speed_of(system.program, done, self.facts, own),
            "mebibytes_above_imports": None if peak is None else peak - bare,
            "scores": scores,
        }
        told = f", mean score {scores['mean']:.1f}" if scores else ""
        print(
            f"{system.label}, seed {seed}: training {one['training_seconds']:.2f} s, whole "
            f"{one['whole_seconds']:.2f} s{told}",
            flush=True,
        )
        return one


def summaries(order: Sequence[System], runs: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Sum up the runs of each system, beside those of the first."""
    by_label = {
        one.label: sorted((r for r in runs if r["system"] == one.label), key=lambda r: r["seed"])
        for one in order
    }
    return {label: summary(own, by_label[order[0].label]) for label, own in by_label.items()}


def compare(arguments: argparse.Namespace) -> dict[str, Any]:
    """Run all systems in all rounds, and score what they learnt."""
    setting, order = settings(arguments), systems(arguments)
    portable: list[float] = []
    record: dict[str, Any] = {
        "command": command_line("against_peers.py", arguments, parser()),
        "machine": machine("scipy", "gensim"),
        "setting": setting,
        "analogy_words": arguments.analogy_words,
    }
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        sitting = Sitting(arguments, folder, (one.program for one in order))
        text, facts = sitting.text, sitting.facts
        record["text"], record["bare_imports_mebibytes"] = facts, sitting.bare
        record["warm_up_seconds"] = warm_up(order, text, setting, folder)
        runs = sitting.runs(order, setting)
        if arguments.portable_words:
            some = {**setting, "words": arguments.portable_words}
            for seed in range(1, arguments.seeds + 1):
                done = run(System("nw2v portable"), text, some, seed)
                portable.append(speed_of("nw2v portable", done, facts, setting))
    record["summary"] = summaries(order, runs)
    record["best_gensim"] = max(
        (one.label for one in order if one.program == "gensim"),
        key=lambda label: record["summary"][label]["scores"]["mean"],
    )
    record["fast"] = System("nw2v").label
    record["portable"] = statistics.median(portable) if portable else None
    record["portable_words"] = min(arguments.portable_words, facts["vocabulary_tokens"])
    record["runs"] = runs
    return record


# --- the grid -----------------------------------------------------------------------------------


def sweep(arguments: argparse.Namespace) -> dict[str, Any]:
    """Run gensim, nw2v and the binaries in all rounds of each setting of the grid."""
    setting = settings(arguments)
    order = [one for one in systems(arguments) if one.learning_rate is None]
    order = [one for one in order if one.program in ("gensim", "nw2v", *BINARIES)]
    cells: list[dict[str, Any]] = []
    record: dict[str, Any] = {
        "command": command_line("against_peers.py", arguments, parser()),
        "machine": machine("gensim"),
        "setting": setting,
        "systems": [one.label for one in order],
        "rounds": arguments.seeds,
        "cells": cells,
    }
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if arguments.words is None and arguments.vocabulary is None:
            arguments.words = GRID_WORDS
        is_scored = arguments.vocabulary is None  # made words are in no set
        programs = (one.program for one in order)
        sitting = Sitting(arguments, folder, programs, is_scored=is_scored)
        record["text"] = sitting.facts
        grid = itertools.product(
            arguments.grid_dim, arguments.grid_negatives, arguments.grid_window
        )
        for dim, negatives, window in grid:
            cell = {"dim": dim, "negatives": negatives, "window": window}
            print(in_words(cell), flush=True)
            warm_up([System("nw2v")], sitting.text, {**setting, **cell}, folder)
            runs = sitting.runs(order, {**setting, **cell})
            cells.append({**cell, "summary": summaries(order, runs), "runs": runs})
    return record


def said_of_grid(cells: Sequence[dict[str, Any]], label: str, base: str) -> str:
    """Say whether a system is as fast everywhere as is claimed, and at what scores."""
    ratios = [cell["summary"][label]["times_training_seconds"] for cell in cells]
    slowest = cells[int(np.argmin(ratios))]
    below = sum(ratio < CLAIMED_EVERYWHERE for ratio in ratios)
    said = (
        f"{label}: median {statistics.median(ratios):.1f} times {base}, least {min(ratios):.1f} "
        f"(dim {slowest['dim']}, K {slowest['negatives']}, window {slowest['window']}); below "
        f"{CLAIMED_EVERYWHERE:g} in {below} of {len(cells)} settings."
    )
    both = [[cell["summary"][one]["scores"] for one in (label, base)] for cell in cells]
    higher = [own["mean"] - others["mean"] for own, others in both if own]
    if higher:
        said += (
            f" Its mean score is {min(higher):+.1f} to {max(higher):+.1f} beside that of {base}."
        )
    return said


def grid_report(record: dict[str, Any]) -> str:
    """Put the grid into a table of ratios to gensim, and mean scores."""
    labels: list[str] = record["systems"]
    gensim = labels[0]
    scored = [name for name in record["cells"][0]["summary"][gensim]["scores"] if name != "mean"]
    rows = []
    for cell in record["cells"]:
        of = [cell["summary"][label] for label in labels]
        rows.append(
            [
                *(str(cell[name]) for name in ("dim", "negatives", "window")),
                *(f"{one['words_per_second'] / 1e6:.3f} M" for one in of),
                *(f"{one['times_training_seconds']:.1f}" for one in of[1:]),
                *(f"{one['scores']['mean']:.1f}" for one in of if scored),
            ]
        )
    text, setting = record["text"], dict(record["setting"])
    for name in ("dim", "negatives", "window"):
        setting.pop(name)
    rounds = record["rounds"]
    return markdown(
        f"nw2v against its peers over a grid: {text['name']}",
        record,
        f"Text: {text['name']}, {text['tokens']:,} words; {text['vocabulary_size']:,} words "
        f"in the vocabulary.  \nAll: {in_words(setting)}.  "
        f"\nMachine: {in_words(record['machine'])}.",
        f"Medians of {rounds} round{'s' if rounds > 1 else ''}: words a second, and how many times "
        f"as long {gensim} trains."
        + (f" Scores are means of {', '.join(scored)}, in hundredths." if scored else ""),
        *(
            said_of_grid(record["cells"], label, gensim)
            for label in labels
            if label.startswith("nw2v")
        ),
        table(
            [
                *("dim", "K", "window"),
                *(f"words/s, {label}" for label in labels),
                *(f"times, {label}" for label in labels[1:]),
                *(f"score, {label}" for label in labels if scored),
            ],
            rows,
        ),
    )


# --- the command --------------------------------------------------------------------------------


def parser() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    add = options.add_argument
    add("--corpus", metavar="FILE", help="text, one sentence a line (default: docstrings)")
    add("--vocabulary", type=int, metavar="V", help="a made text of so many different words")
    add("--words", type=int, metavar="N", help="only the beginning of the text, N words")
    add("--analogies", metavar="SET", nargs="*", default=["nw2v"], help="names or files")
    add("--similarity", metavar="SET", nargs="*", default=[], help="names or files")
    add("--seeds", type=int, default=3, help="rounds: runs of each system (default: 3)")
    add("--epochs", type=int, default=5)
    add("--dim", type=int, default=100)
    add("--window", type=int, default=5)
    add("--negatives", type=int, default=5)
    add("--subsample", type=float, default=1e-4)
    add("--min-count", type=int, default=5)
    add("--threads", type=int, default=available_cores(), help="default: all cores")
    add("--analogy-words", type=int, default=30_000, help="answers come from so many words")
    add(
        "--systems",
        metavar="NAME",
        nargs="*",
        default=list(OURS),
        help=f"what runs beside gensim, of: {', '.join(OURS)} (default: all)",
    )
    add(
        "--portable-words",
        metavar="N",
        type=int,
        default=100_000,
        help="how much of the text the path without register code is timed on (0: not at all)",
    )
    for program in BINARIES:
        add(f"--{option_of(program)}", metavar="PATH", help=f"the program {program}")
    for program in ("gensim", "nw2v", *BINARIES):
        add(
            f"--{option_of(program)}-learning-rate",
            metavar="RATE",
            type=float,
            nargs="*",
            default=[],
            help=f"rates to try beside {program}'s default",
        )
    add(
        "--nw2v-epochs",
        metavar="N",
        type=int,
        nargs="*",
        default=[],
        help="passes that nw2v makes, at all its rates, beside as many as all others",
    )
    add("--grid", action="store_true", help="speed and mean scores over a grid of settings")
    add("--grid-dim", type=int, nargs="+", default=[50, 100, 200, 300])
    add("--grid-negatives", type=int, nargs="+", default=[1, 5, 20])
    add("--grid-window", type=int, nargs="+", default=[2, 5, 15])
    add("--out", metavar="PREFIX", help="writes PREFIX.md, PREFIX.json and PREFIX.png")
    return options


def main(words: Sequence[str] | None = None) -> int:
    arguments = parser().parse_args(words)
    try:
        if arguments.seeds < 1:
            raise InputError("--seeds must be 1 or more")
        if unknown := set(arguments.systems) - set(OURS):
            raise InputError(f"--systems {' '.join(sorted(unknown))}: expected {', '.join(OURS)}")
        if arguments.grid:
            record = sweep(arguments)
            text, picture, kind = grid_report(record), None, "grid"
        else:
            record = compare(arguments)
            text, picture, kind = report(record), figure(record), "against_peers"
    except (InputError, RunFailedError) as error:
        print(f"against_peers: error: {error}", file=sys.stderr)
        return 2 if isinstance(error, InputError) else 1
    prefix = arguments.out or RESULTS / f"{kind}_{record['text']['name']}"
    written = write_results(prefix, record, text, picture)
    print(f"\n{text}\nWritten to {', '.join(map(str, written))}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
