"""The scores at one glance: systems by metrics, the best marked and what may be as good."""

from __future__ import annotations

import html
import math
from typing import TYPE_CHECKING, NamedTuple

from nw2v.comparison.runs import CROSS_ENTROPY
from nw2v.comparison.wording import named, number, records

if TYPE_CHECKING:
    from nw2v.comparison.compare import Comparison

BEST, ALIKE, WORSE, ALONE = "best", "alike", "worse", ""
_MARKS = {BEST: "*", ALIKE: "≈"}


class Standing(NamedTuple):
    """How the systems stand on one metric."""

    metric: str
    vectors: str
    best: str
    """The system with the best mean; of equal ones the first."""
    alike: list[str]
    """The systems that cannot be told apart from it."""
    worse: list[str]

    @property
    def name(self) -> str:
        """The metric, with the vectors that it was measured on."""
        return named(self.metric, self.vectors)


class Cell(NamedTuple):
    """A score: its text, and how it stands: BEST, ALIKE, WORSE or, beside no other, ALONE."""

    text: str
    mark: str


class Matrix(NamedTuple):
    """Rows of cells, below the names of their columns and beside those of the systems."""

    columns: list[str]
    rows: list[tuple[str, list[Cell]]]


def standings(comparison: Comparison) -> list[Standing]:
    """Find the best system of each metric, and which others it was told apart from.

    Two systems are told apart where `Comparison.tests` says which is better.

    Returns
    -------
    list of Standing
        Those of one metric beside each other. Metrics of fewer than two systems are left out.
    """
    apart = {
        (frozenset((test.system_a, test.system_b)), test.metric, test.vectors)
        for test in records(comparison.tests)
        if test.better
    }
    found = []
    means: dict[tuple[str, str], dict[str, float]] = {}
    for row in records(comparison.summary):
        means.setdefault((row.metric, row.vectors), {})[row.system] = row.mean
    for (metric, vectors), by_system in means.items():
        if len(by_system) < 2:
            continue
        choose = min if metric == CROSS_ENTROPY else max
        best = choose(by_system, key=by_system.__getitem__)
        alike: list[str] = []
        worse: list[str] = []
        for name in by_system:
            if name != best:
                told = (frozenset((name, best)), metric, vectors) in apart
                (worse if told else alike).append(name)
        found.append(Standing(metric, vectors, best, alike, worse))
    metrics = list(dict.fromkeys(standing.metric for standing in found))
    return sorted(found, key=lambda standing: metrics.index(standing.metric))


def score_matrix(comparison: Comparison) -> Matrix:
    """Lay the scores out: mean ± half of the 95 % interval over seeds, and how each stands."""
    marks = {}
    for standing in standings(comparison):
        key = standing.metric, standing.vectors
        marks[standing.best, *key] = BEST
        marks |= {(name, *key): ALIKE for name in standing.alike}
        marks |= {(name, *key): WORSE for name in standing.worse}
    cells = {}
    for row in records(comparison.summary):
        text = number(row.metric, row.mean)
        if not math.isnan(row.low):
            text += f" ± {number(row.metric, (row.high - row.low) / 2)}"
        key = row.metric, row.vectors
        cells[row.system, *key] = Cell(text, marks.get((row.system, *key), ALONE))
    keys = list(dict.fromkeys((metric, vectors) for _, metric, vectors in cells))
    metrics = list(dict.fromkeys(metric for metric, _ in keys))
    keys.sort(key=lambda key: metrics.index(key[0]))
    compared = {system.name for system in comparison.compared}
    rows = []
    for name in (system.name for system in comparison.systems):
        if name in compared:
            rows.append((name, [cells.get((name, *key), Cell("", ALONE)) for key in keys]))
        else:
            nothing = [Cell("-", ALONE)] * (len(keys) - 1)
            rows.append((name, [Cell("diverged", ALONE), *nothing]))
    return Matrix(
        [f"{named(*key)} {'↓' if key[0] == CROSS_ENTROPY else '↑'}" for key in keys], rows
    )


def legend(best: str) -> str:
    """Explain the marks, the best being written as `best` says."""
    return (
        f"Mean ± half the width of its 95 % interval over seeds. {best}: the best mean of its "
        "column (↓ lower is better, ↑ higher is better). ≈: cannot be told apart from the best. No "
        "mark: worse than the best."
    )


def markdown_matrix(matrix: Matrix) -> str:
    """Write a matrix as a table in Markdown, the best in bold."""
    lines = [
        "| " + " | ".join(["system", *matrix.columns]) + " |",
        "| --- |" + " ---: |" * len(matrix.columns),
    ]
    for name, cells in matrix.rows:
        texts = [f"**{cell.text}**" if cell.mark == BEST else _marked(cell, " ") for cell in cells]
        lines.append("| " + " | ".join([name, *texts]) + " |")
    return "\n".join([*lines, "", legend("Bold")])


def html_matrix(matrix: Matrix) -> str:
    """Write a matrix as a table in HTML, the best in bold, half-widths below their means."""
    lines = ['<table class="scores"><thead><tr><th>system</th>']
    lines += [f"<th>{html.escape(name)}</th>" for name in matrix.columns]
    lines.append("</tr></thead><tbody>")
    for name, cells in matrix.rows:
        lines.append(f"<tr><td>{html.escape(name)}</td>")
        for cell in cells:
            kind = f' class="{cell.mark}"' if cell.mark else ""
            text = cell.text if cell.mark == BEST else _marked(cell, " ")
            mean, sign, half = html.escape(text).partition(" ± ")
            below = f"<br><small>± {half}</small>" if sign else ""
            lines.append(f"<td{kind}>{mean}{below}</td>")
        lines.append("</tr>")
    lines.append(f'</tbody></table><p class="legend">{html.escape(legend("Bold"))}</p>')
    return "".join(lines)


def text_matrix(matrix: Matrix, width: int) -> str:
    """Write a matrix for a terminal, in several parts below each other where it is too wide."""
    first = ["", *(name for name, _ in matrix.rows)]
    columns = [
        [name, *(_marked(cells[place], "") for _, cells in matrix.rows)]
        for place, name in enumerate(matrix.columns)
    ]
    beside = max(map(len, first))
    parts: list[list[list[str]]] = [[]]
    left = width - beside
    for column in columns:
        needed = 2 + max(map(len, column))
        if needed > left and parts[-1]:
            parts.append([])
            left = width - beside
        parts[-1].append(column)
        left -= needed
    texts = []
    for part in parts:
        widths = [max(map(len, column)) for column in part]
        texts.append(
            "\n".join(
                "  ".join(
                    [
                        name.ljust(beside),
                        *(column[line].rjust(w) for column, w in zip(part, widths, strict=True)),
                    ]
                ).rstrip()
                for line, name in enumerate(first)
            )
        )
    return "\n\n".join(texts)


def _marked(cell: Cell, space: str) -> str:
    return f"{_MARKS[cell.mark]}{space}{cell.text}" if cell.mark in _MARKS else cell.text
