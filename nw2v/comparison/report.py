"""A comparison in plain words: Markdown, and one HTML page that needs nothing else."""

from __future__ import annotations

import base64
import html
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from nw2v.comparison.compare import CROSS_ENTROPY, SIGNIFICANCE, Comparison

if TYPE_CHECKING:
    import pandas as pd

Row = Sequence[str]


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
    parts = []
    for kind, content in _content(comparison, command):
        if kind == "heading":
            parts.append(f"## {content}")
        elif kind == "title":
            parts.append(f"# {content}")
        elif kind == "code":
            parts.append(f"```\n{content}\n```")
        elif kind == "table":
            header, *rows = content
            lines = ["| " + " | ".join(header) + " |"]
            lines.append("| --- |" + " ---: |" * (len(header) - 1))
            lines += ["| " + " | ".join(row) + " |" for row in rows]
            parts.append("\n".join(lines))
        elif kind == "pictures":
            parts += [f"![{title}]({file})" for title, file in (pictures or {}).items()]
        else:
            parts.append(content)
    return "\n\n".join(parts) + "\n"


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
    parts = []
    for kind, content in _content(comparison, command):
        if kind in ("title", "heading"):
            tag = "h1" if kind == "title" else "h2"
            parts.append(f"<{tag}>{html.escape(content)}</{tag}>")
        elif kind == "code":
            parts.append(f"<pre>{html.escape(content)}</pre>")
        elif kind == "table":
            header, *rows = content
            parts.append(
                "<table><thead>" + _html_row(header, "th") + "</thead><tbody>"
                + "".join(_html_row(row, "td") for row in rows) + "</tbody></table>"
            )  # fmt: skip
        elif kind == "pictures":
            parts += [_html_picture(title, png) for title, png in (pictures or {}).items()]
        else:
            parts.append(f"<p>{html.escape(content)}</p>")
    return _PAGE.format(title=html.escape(_title(comparison)), body="\n".join(parts))


def conclusions(comparison: Comparison) -> list[str]:
    """Say for each two systems what can be concluded, and what cannot."""
    lines = []
    for (a, b), tests in comparison.tests.groupby(["system_a", "system_b"], sort=False):
        better: dict[str, list[str]] = {"a": [], "b": [], "": []}
        for test in _rows(tests):
            better[test.better].append(_named(test.metric, test.vectors))
        text = f"{a} against {b}: "
        said = [
            f"{name} is better on {', '.join(better[key])}"
            for key, name in (("a", a), ("b", b))
            if better[key]
        ]
        if better[""]:
            said.append(f"no difference can be told on {', '.join(better[''])}")
        lines.append(text + "; ".join(said) + "." + _other_order(comparison, a, b))
    return [*lines, *_worse_than_frequencies(comparison)]


def _mean_entropies(comparison: Comparison) -> dict[str, float]:
    summary = comparison.summary
    rows = summary[summary["metric"] == CROSS_ENTROPY]
    return dict(zip(rows["system"], rows["mean"], strict=True))


def _other_order(comparison: Comparison, a: Any, b: Any) -> str:
    """Say where the order of two cross-entropies depends on when training ends."""
    last, costs = _mean_entropies(comparison), comparison.costs.set_index("system")
    best = {name: float(costs["best_cross_entropy"][name]) for name in (a, b)}
    if (last[a] < last[b]) == (best[a] < best[b]):
        return ""
    first, second = sorted((a, b), key=best.__getitem__)
    return (
        f" After their best passes the order of the cross-entropies is the other one: {first} "
        f"{best[first]:.4f}, {second} {best[second]:.4f}."
    )


def _worse_than_frequencies(comparison: Comparison) -> list[str]:
    unigram = comparison.facts["unigram"]
    worse = [name for name, mean in _mean_entropies(comparison).items() if mean >= unigram]
    if not worse:
        return []
    return [
        f"Not better than word frequencies alone, after the last pass, on held-out cross-entropy "
        f"({unigram:.4f}): {'; '.join(worse)}."
    ]


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
        f"{facts['heldout_pairs']:,} held-out pairs; {seeds} "
        f"{'seed' if seeds == 1 else 'seeds'}. All systems have the same text, vocabulary, "
        "held-out part and, for each seed, the same initial vectors; each has its own learning "
        "rate and number of passes (below, under Settings). All is trained in deterministic mode: "
        "the same command gives the same scores.",
    )
    yield "heading", "What can be concluded"
    yield (
        "text",
        "A difference counts where two things say so: the test over the material (held-out "
        "sentences, the word pairs that analogies are built from, rated pairs of words), after "
        f"Holm's correction over the metrics of two systems, at {SIGNIFICANCE:.0%}; and the 95 % "
        "interval over seeds. "
        + (
            "One seed says nothing of what other seeds would give, so nothing is concluded from it."
            if seeds == 1
            else f"{seeds} seeds alone can decide little; they are asked not to contradict."
        ),
    )
    for line in conclusions(comparison):
        yield "text", line
    yield "pictures", None
    yield "heading", "Scores"
    yield (
        "text",
        "Means over seeds with 95 % intervals (Student's t). Held-out cross-entropy is in nats a "
        "pair under the normalised model of each loss, lower is better; a model that knows only "
        f"word frequencies has {facts['unigram']:.4f}. Analogies (accuracy by 3CosAdd over the "
        "questions whose words are known) and similarity (Spearman's correlation) are times 100, "
        "on center vectors V and on V + U. Exact training makes fewer steps on V than on U: V "
        "alone is not what it is best at." + _known(facts),
    )
    yield "table", _scores_rows(comparison)
    yield "heading", "Differences"
    yield (
        "text",
        "First system minus second, with the 95 % interval and p-value over the material, p after "
        "Holm's correction, and the 95 % interval over seeds. Each two systems are corrected for "
        f"by themselves: {_pairs_of_systems(comparison)} families of tests, each with its own 5 %.",
    )
    yield "table", _tests_rows(comparison)
    yield "heading", "Time"
    reached = comparison.costs["best_cross_entropy"].max()
    yield (
        "text",
        "Seconds of training in deterministic mode, in which the stream takes up to twice as long, "
        "on this machine, the means over seeds. Reading, counting co-occurrences (seconds, once) "
        "and evaluation are not in them. Words: those of the text, times passes. Best: the lowest "
        "held-out cross-entropy after any pass, chosen on the very text that it is measured on. "
        f"The last column is the time to a cross-entropy of {reached:.4f}, which all systems "
        "reach.",
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
        f"{key} {value}" for key, value in sorted(facts.items()) if not isinstance(value, dict)
    )
    yield "text", f"Shared: {settings}; seeds from {comparison.seeds[0]}."
    for system, table in comparison.settings.groupby("system", sort=False):
        own = ", ".join(f"{row.setting} {row.value}" for row in _rows(table))
        yield "text", f"{system}: {own}."


def _pairs_of_systems(comparison: Comparison) -> int:
    return math.comb(len(comparison.systems), 2)


def _known(facts: Mapping[str, Any]) -> str:
    known = [f"{name} {some:,} of {total:,}" for name, (some, total) in facts["known"].items()]
    return f" Known questions and pairs: {', '.join(known)}." if known else ""


def _rows(table: pd.DataFrame) -> Iterator[Any]:
    """The rows of a table, with its columns as attributes."""
    return iter(table.itertuples())


def _named(metric: str, vectors: str) -> str:
    return metric if vectors == "model" else f"{metric} ({_of(vectors)})"


def _of(vectors: str) -> str:
    return {"center": "V", "sum": "V + U", "outside": "U", "model": "model"}[vectors]


def _number(metric: str, value: float, *, signed: bool = False) -> str:
    if math.isnan(value):
        return ""
    sign = "+" if signed else ""
    return f"{value:{sign}.4f}" if metric == CROSS_ENTROPY else f"{100 * value:{sign}.2f}"


def _interval(metric: str, low: float, high: float, *, signed: bool = False) -> str:
    if math.isnan(low):
        return ""
    ends = (_number(metric, end, signed=signed) for end in (low, high))
    return " to ".join(ends)


def _scores_rows(comparison: Comparison) -> list[Row]:
    texts = {}
    for row in _rows(comparison.summary):
        text = _number(row.metric, row.mean)
        if not math.isnan(row.low):
            text += f" ± {_number(row.metric, (row.high - row.low) / 2)}"
        texts[row.system, row.metric, row.vectors] = text
    systems = dict.fromkeys(system for system, _, _ in texts)
    columns = list(dict.fromkeys((metric, vectors) for _, metric, vectors in texts))
    rows: list[Row] = [["system", *(_named(*column) for column in columns)]]
    rows += [[name, *(texts.get((name, *column), "") for column in columns)] for name in systems]
    return rows


def _tests_rows(comparison: Comparison) -> list[Row]:
    rows: list[Row] = [
        ["systems", "metric", "difference", "95 %", "p", "p, Holm", "95 % over seeds", "better"]
    ]
    for test in _rows(comparison.tests):
        winner = {"a": "first", "b": "second", "": "cannot be told"}[test.better]
        rows.append(
            [
                f"{test.system_a} - {test.system_b}",
                _named(test.metric, test.vectors),
                _number(test.metric, test.difference, signed=True),
                _interval(test.metric, test.low, test.high, signed=True),
                _probability(test.p_value),
                _probability(test.holm),
                _interval(test.metric, test.seeds_low, test.seeds_high, signed=True),
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
    for cost in _rows(comparison.costs):
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
    for space in _rows(comparison.spaces):
        measure = space.measure.replace("_", " ")
        value = f"{space.value:,.0f}" if measure.endswith("entries") else f"{space.value:.3f}"
        rows.append([space.system, _of(space.vectors), measure, value])
    return rows


def _space_pairs_rows(comparison: Comparison) -> list[Row]:
    rows: list[Row] = [["systems", "vectors", "neighbours in common", "Procrustes distance"]]
    for pair in _rows(comparison.space_pairs):
        same = pair.system_a == pair.system_b
        names = f"{pair.system_a}, two seeds" if same else f"{pair.system_a} - {pair.system_b}"
        rows.append(
            [
                names, _of(pair.vectors), f"{pair.neighbour_overlap:.1%}",
                f"{pair.procrustes_distance:.3f}",
            ]
        )  # fmt: skip
    return rows


# --- HTML --------------------------------------------------------------------------------------


def _html_row(cells: Row, tag: str) -> str:
    return "<tr>" + "".join(f"<{tag}>{html.escape(cell)}</{tag}>" for cell in cells) + "</tr>"


def _html_picture(title: str, png: bytes) -> str:
    data = base64.b64encode(png).decode("ascii")
    return f'<img alt="{html.escape(title)}" src="data:image/png;base64,{data}">'


_PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
body {{ font: 16px/1.5 system-ui, sans-serif; color: #1F2937; max-width: 70rem; margin: 2rem auto;
  padding: 0 1rem; }}
table {{ border-collapse: collapse; font-size: 0.85rem; display: block; overflow-x: auto; }}
th, td {{ padding: 0.3rem 0.6rem; border-bottom: 1px solid #E5E7EB; text-align: right; }}
th:first-child, td:first-child {{ text-align: left; }}
img {{ max-width: 100%; }}
pre {{ background: #F3F4F6; padding: 0.8rem; overflow-x: auto; }}
</style>
</head>
<body>
{body}
</body>
</html>
"""
