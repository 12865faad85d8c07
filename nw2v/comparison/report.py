"""A comparison in plain words: Markdown, and one HTML page that needs nothing else."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from nw2v.comparison.compare import Comparison
from nw2v.comparison.conclusions import conclusions
from nw2v.comparison.matrix import html_matrix, markdown_matrix, score_matrix
from nw2v.comparison.significance import SIGNIFICANCE
from nw2v.comparison.wording import interval, named, number, of_vectors, records
from nw2v.reports import html_page, markdown_page
from nw2v.reports.words import counted

Row = Sequence[str]
_LEVEL = f"{100 * SIGNIFICANCE:g} %"


def markdown_report(
    comparison: Comparison, *, command: str = "", pictures: Mapping[str, str] | None = None
) -> str:
    """Write a comparison as Markdown.

    Parameters
    ----------
    comparison : Comparison
    command : str
        What made it.
    pictures : mapping of str to str, optional
        Titles and the files they are in.
    """
    return markdown_page(_content(comparison, command), pictures)


def html_report(
    comparison: Comparison, *, command: str = "", pictures: Mapping[str, bytes] | None = None
) -> str:
    """Write a comparison as one HTML page with its pictures inside.

    Parameters
    ----------
    comparison, command
        As for `markdown_report`.
    pictures : mapping of str to bytes, optional
        Titles and PNG files.
    """
    return html_page(_title(comparison), _content(comparison, command), pictures)


# --- what both say -----------------------------------------------------------------------------


def _title(comparison: Comparison) -> str:
    return f"Naive softmax and negative sampling on {comparison.facts['corpus']}"


def _content(comparison: Comparison, command: str) -> Iterator[tuple[str, Any]]:
    facts, seeds = comparison.facts, comparison.facts["seeds"]
    yield "title", _title(comparison)
    if command:
        yield "code", command
    yield (
        "text",
        f"{facts['words']:,} words of training text, {facts['vocabulary']:,} word types, "
        f"{facts['heldout_pairs']:,} held-out pairs; {counted(seeds, 'seed')}. All systems have "
        "the same text, vocabulary, held-out part and, for each seed, the same initial vectors; "
        "each has its own learning rate and number of passes (below, under Settings).",
    )
    yield "heading", "What was found"
    matrix = score_matrix(comparison)
    yield "own", (markdown_matrix(matrix), html_matrix(matrix))
    yield "list", conclusions(comparison)
    yield "heading", "How to read it"
    yield (
        "text",
        "Held-out cross-entropy is in nats a pair under the normalised model of each loss; a model "
        f"that knows only word frequencies has {facts['unigram']:.4f}. Analogies (accuracy by "
        "3CosAdd over the questions whose words are known) and similarity (Spearman's correlation) "
        "are times 100, on center vectors V and on V + U. Exact training makes fewer steps on V "
        "than on U: V alone is not what it is best at." + _known(facts),
    )
    yield (
        "text",
        "One system is called better than another where two things say so: the test over the "
        "material (held-out sentences, the word pairs that analogies are built from, rated pairs "
        f"of words), after Holm's correction, at {_LEVEL}; and the 95 % interval of "
        "their difference over seeds (Student's t, paired). "
        + (
            "One seed says nothing of what other seeds would give, so nothing is concluded from it."
            if seeds == 1
            else f"{seeds} seeds alone can decide little; they are asked not to contradict."
        )
        + _family(comparison),
    )
    yield (
        "text",
        "Not said here: how other texts would turn out, nor other settings of the same systems. "
        "All is trained in deterministic mode: the same command gives the same scores.",
    )
    yield "pictures", None
    yield "heading", "Differences"
    yield (
        "text",
        "First system minus second, with the 95 % interval and p-value over the material, p after "
        "Holm's correction over all rows of this table, and the 95 % interval over seeds.",
    )
    yield "table", _tests_rows(comparison)
    yield "heading", "Time"
    reached = comparison.costs["best_cross_entropy"].max()
    yield (
        "text",
        "Seconds of training in deterministic mode, in which negative sampling by the stream uses "
        "one core, on this machine, the means over seeds. Reading, counting co-occurrences "
        "(seconds, once) and evaluation are not in them. Words: those of the text, times passes. "
        "Best: the lowest held-out cross-entropy after any pass, chosen on the very text that it "
        "is measured on. "
        f"The last column is the time to a cross-entropy of {reached:.4f}, which all of these "
        "systems reach.",
    )
    yield "table", _costs_rows(comparison)
    yield "heading", "How the spaces differ"
    yield (
        "text",
        "For the first seed. Partition ratio (Mu and Viswanath 2018): 1 if vectors spread evenly "
        "over directions. Mean cosine: of all pairs of different words, 0 if directions are spread "
        "evenly. Shifted PMI (Levy and Goldberg 2014): how the dot products of negative sampling "
        "agree with log n_co / (K n_c P(o)), over pairs that occur; mean difference: dot product "
        "less that, weighted: by n_co.",
    )
    yield "table", _spaces_rows(comparison)
    yield (
        "text",
        "Neighbours in common: the share of the 10 nearest that two spaces have in common. "
        "Procrustes distance: what the best rotation leaves unexplained, 0 to 1. Always of two "
        "different seeds, since vectors keep much of where they began: a system beside itself "
        "shows how much differs by chance.",
    )
    yield "table", _space_pairs_rows(comparison)
    yield "heading", "Settings"
    settings = ", ".join(
        f"{key} {value:g}" if isinstance(value, float) else f"{key} {value}"
        for key, value in sorted(facts.items())
        if not isinstance(value, dict)
    )
    yield "text", f"Shared: {settings}; seeds from {comparison.seeds[0]}."
    for system, table in comparison.settings.groupby("system", sort=False):
        own = ", ".join(f"{row.setting} {row.value}" for row in records(table))
        yield "text", f"{system}: {own}."


def _family(comparison: Comparison) -> str:
    tests, systems = int(comparison.tests["p_value"].notna().sum()), len(comparison.compared)
    if not tests:
        return ""
    return (
        f" Holm's correction takes all {counted(tests, 'test')} of this report as one family (each "
        f"two of {counted(systems, 'system')}, on each metric): the probability of even one false "
        f"claim among them, as far as the choice of the material goes, is {_LEVEL} at most. "
        "Intervals are not corrected."
    )


def _known(facts: Mapping[str, Any]) -> str:
    known = [f"{name} {some:,} of {total:,}" for name, (some, total) in facts["known"].items()]
    return f" Known questions and pairs: {', '.join(known)}." if known else ""


def _tests_rows(comparison: Comparison) -> list[Row]:
    rows: list[Row] = [
        ["systems", "metric", "difference", "95 %", "p", "p, Holm", "95 % over seeds", "better"]
    ]
    for test in records(comparison.tests):
        winner = {"a": "first", "b": "second", "": "cannot be told"}[test.better]
        rows.append(
            [
                f"{test.system_a} - {test.system_b}",
                named(test.metric, test.vectors),
                number(test.metric, test.difference, signed=True),
                interval(test.metric, test.low, test.high, signed=True),
                _probability(test.p_value),
                _probability(test.holm),
                interval(test.metric, test.seeds_low, test.seeds_high, signed=True),
                winner,
            ]
        )
    return rows


def _probability(p: float) -> str:
    if math.isnan(p):
        return ""
    return "< 0.001" if p < 0.001 else f"{p:.3f}"


def _costs_rows(comparison: Comparison) -> list[Row]:
    rows: list[Row] = [
        ["system", "seconds", "passes", "words", "best", "after pass", "seconds to the common one"]
    ]
    for cost in records(comparison.costs):
        rows.append(
            [
                cost.system, f"{cost.seconds:.1f}", str(cost.passes), f"{cost.words:,}",
                f"{cost.best_cross_entropy:.4f}", str(cost.best_pass),
                f"{cost.seconds_to_reach:.1f}",
            ]
        )  # fmt: skip
    return rows


def _spaces_rows(comparison: Comparison) -> list[Row]:
    rows: list[Row] = [["system", "vectors", "measure", "value"]]
    for space in records(comparison.spaces):
        measure = space.measure.replace("_", " ")
        value = f"{space.value:,.0f}" if measure.endswith("entries") else f"{space.value:.3f}"
        rows.append([space.system, of_vectors(space.vectors), measure, value])
    return rows


def _space_pairs_rows(comparison: Comparison) -> list[Row]:
    rows: list[Row] = [["systems", "vectors", "neighbours in common", "Procrustes distance"]]
    for pair in records(comparison.space_pairs):
        same = pair.system_a == pair.system_b
        names = f"{pair.system_a}, two seeds" if same else f"{pair.system_a} - {pair.system_b}"
        rows.append(
            [
                names, of_vectors(pair.vectors), f"{pair.neighbour_overlap:.1%}",
                f"{pair.procrustes_distance:.3f}",
            ]
        )  # fmt: skip
    return rows
