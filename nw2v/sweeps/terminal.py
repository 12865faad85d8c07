"""A sweep's table as a terminal shows it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nw2v.sweeps.design import text_of

if TYPE_CHECKING:
    import pandas as pd

MOST_ROWS = 40


def table_text(table: pd.DataFrame, most: int = MOST_ROWS) -> str:
    """Lay a ranked table out in columns.

    Parameters
    ----------
    table : DataFrame
        As `nw2v.sweeps.ranked` returns it.
    most : int
        Of a longer one the first so many rows are shown, and how many there are.
    """
    import pandas as pd

    def cell(value: Any) -> str:
        missing = pd.api.types.is_scalar(value) and pd.isna(value)
        return "" if missing else text_of(value)

    rows = [list(map(str, table.columns))]
    rows += [[cell(value) for value in row.values()] for row in table.head(most).to_dict("records")]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]
    if len(table) > most:
        lines.append(f"... {len(table) - most:,} more jobs")
    return "\n".join(lines)
