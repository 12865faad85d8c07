"""The files of a comparison: its report, its tables and its pictures."""

from __future__ import annotations

from pathlib import Path

from nw2v.comparison.compare import Comparison
from nw2v.comparison.report import html_report, markdown_report
from nw2v.files import write_atomically

TABLES = (
    *("scores", "curves", "summary", "tests", "costs"),
    *("settings", "spaces", "space_pairs", "norms"),
)


def write_report(comparison: Comparison, folder: Path, command: str = "") -> list[Path]:
    """Write a comparison into a folder, which is made if need be.

    Parameters
    ----------
    comparison : Comparison
    folder : Path
    command : str
        What made it, for the report.

    Returns
    -------
    list of Path
        report.md, report.html, a CSV file for each table (`diverged` only if any training did),
        a PNG file for each picture.
    """
    from nw2v.plots.comparison import entropy_by_time, norms_by_frequency, score_intervals
    from nw2v.plots.figure import png

    names = {system.name for system in comparison.compared}
    curves = comparison.curves[comparison.curves["system"].isin(names)]
    unigram = comparison.facts["unigram"]
    drawn = {
        ("scores", "Scores with 95 % intervals over seeds"): score_intervals(comparison.summary),
        ("cross_entropy_by_time", "Held-out cross-entropy by time"): entropy_by_time(
            curves, unigram
        ),
        ("norms", "Lengths of vectors by frequency"): norms_by_frequency(comparison.norms),
    }
    contents: dict[str, str | bytes] = {
        f"{name}.csv": getattr(comparison, name).to_csv(index=False) for name in TABLES
    }
    if len(comparison.diverged):
        contents["diverged.csv"] = comparison.diverged.to_csv(index=False)
    files, pictures = {}, {}
    for (name, title), figure in drawn.items():
        files[title], pictures[title] = f"{name}.png", png(figure)
        contents[f"{name}.png"] = pictures[title]
    contents["report.md"] = markdown_report(comparison, command=command, pictures=files)
    contents["report.html"] = html_report(comparison, command=command, pictures=pictures)
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        with write_atomically(folder / name, "w" if isinstance(content, str) else "wb") as file:
            file.write(content)
    return [folder / name for name in contents]
