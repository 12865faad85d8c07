"""A sweep's report: its tables, its pictures, and what they say, in files."""

from __future__ import annotations

import math
import os
import re
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nw2v.errors import InputError
from nw2v.files import write_atomically
from nw2v.plots.figure import png
from nw2v.reports import Block, html_page, markdown_page
from nw2v.reports.words import counted
from nw2v.sweeps import pictures
from nw2v.sweeps.design import SEED, effective, shadows, swept_keys, text_of
from nw2v.sweeps.findings import Findings, find
from nw2v.sweeps.frames import histories_of, load
from nw2v.sweeps.objectives import CROSS_ENTROPY
from nw2v.sweeps.ranking import TRAINING_SECONDS
from nw2v.sweeps.records import JOB_COLUMNS, Job
from nw2v.sweeps.sentences import failures, job_counts, sentences
from nw2v.sweeps.wording import interval, number, titled

if TYPE_CHECKING:
    import pandas as pd

TABLE_FILE, CONFIGURATIONS_FILE = "sweep.csv", "configurations.csv"
_MOST_ROWS = 50
_PACKAGES = ("numpy", "numba", "pandas", "mlflow")
_PASSWORD = re.compile(r"(?<=://)([^\s/:@]*):[^\s/@]*@")


def write_report(
    sweep: str | os.PathLike[str] | pd.DataFrame,
    folder: str | os.PathLike[str],
    *,
    uri: str | None = None,
    metric: str | None = None,
    direction: str | None = None,
) -> list[Path]:
    """Write a sweep's report into a folder, which is made if need be.

    Parameters
    ----------
    sweep : str, path-like or DataFrame
        The sweep's folder, the MLflow run id of its parent run, or its table as
        `nw2v.sweeps.load` returns it.
    folder : path-like
    uri : str, optional
        The store of the run.
    metric, direction : str, optional
        By default sweep.metric and sweep.direction.

    Returns
    -------
    list of Path
        sweep.csv (all jobs, ranked), configurations.csv (means over seeds, where there are
        several), the pictures (PNG), report.md, and report.html, which needs no other file.

    Raises
    ------
    InputError
        The sweep cannot be read, or the folder not be written.
    """
    import pandas as pd

    frame = sweep if isinstance(sweep, pd.DataFrame) else load(sweep, uri=uri)
    return write_findings(find(frame, metric, direction), Path(folder))


def write_findings(found: Findings, place: Path) -> list[Path]:
    """Write the report of what was found, as `write_report`."""
    contents: dict[str, str | bytes] = {TABLE_FILE: found.jobs.to_csv(index=False)}
    if found.has_seeds:
        contents[CONFIGURATIONS_FILE] = found.table.to_csv(index=False)
    curves, note = _curves(found.frame)
    files, images = {}, {}
    for (file, title), figure in pictures.draw(found, curves).items():
        files[title], images[title] = f"{file}.png", png(figure)
        contents[f"{file}.png"] = images[title]
    blocks = list(_content(found, note))
    title = str(blocks[0][1])
    contents["report.md"] = markdown_page([_escaped(block) for block in blocks], files)
    contents["report.html"] = html_page(title, blocks, images)
    try:
        place.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot make the folder {place}: {error.strerror or error}") from None
    for file, content in contents.items():
        with write_atomically(place / file, "w" if isinstance(content, str) else "wb") as out:
            out.write(content)
    return [place / file for file in contents]


def _curves(frame: pd.DataFrame) -> tuple[pd.DataFrame, str]:
    """Read the curves; a file that cannot be read costs the report this picture, not more."""
    jobs = [
        Job(
            int(row["job"]),
            row["status"],
            metrics={key: row[key] for key in frame.columns if "/" in key},
            run_id=row["run_id"] if isinstance(row["run_id"], str) else None,
            folder=row["folder"] if isinstance(row["folder"], str) else None,
        )
        for row in frame.to_dict("records")
    ]
    from_store = frame.attrs.get("source") == "store"
    wanted = ("train/loss", TRAINING_SECONDS, CROSS_ENTROPY)
    try:
        return histories_of(jobs, frame.attrs.get("uri") if from_store else None, wanted), ""
    except InputError as error:
        return histories_of([], None), f"There is no picture of the curves: {error}."


# --- what it says ------------------------------------------------------------------------------


def _content(found: Findings, note: str) -> Iterator[Block]:
    frame, metric, table = found.frame, found.metric, found.table
    facts, keys = frame.attrs, swept_keys(frame)
    told = [key for key in keys if key not in (SEED, *shadows(frame))] or keys
    yield "title", f"A sweep over {', '.join(told) or 'nothing'} on {_text(frame)}"
    if facts.get("command"):
        yield "code", without_passwords(str(facts["command"]))
    yield "text", " ".join(_opening(found))
    yield "heading", "What it says"
    yield "list", list(map(without_passwords, sentences(found)))
    yield "text", _caution(found)
    yield "pictures", [pictures.EFFECTS, pictures.TIME]
    if found.has_seeds:
        yield "heading", "Configurations"
        yield (
            "text",
            f"Jobs that differ in their seed alone, averaged: {titled(metric)} with its standard "
            "deviation between seeds and the 95 % interval of the mean (Student's t)."
            + _only_first(table),
        )
        yield "table", _configuration_rows(table, metric)
    yield "heading", "Jobs"
    yield "text", f"All jobs, best first ({TABLE_FILE})." + _only_first(frame)
    yield "table", _job_rows(found.jobs)
    effects = found.effects
    if len(effects):
        yield "heading", "Parameters"
        yield "text", _how_effects(frame, effects, metric)
        yield "table", _effect_rows(effects, metric)
        yield "pictures", [pictures.TOGETHER, pictures.TABLES]
        departures = _departure_rows(found)
        if len(departures) > 1:
            yield (
                "text",
                "Departure: how far, at most, the mean at two values is from what the two "
                "parameters' effects add up to.",
            )
            yield "table", departures
    yield "heading", "Curves"
    yield (
        "text",
        note
        or "The best configurations have colours (one job of each), the other jobs are grey. "
        "The training losses of naive softmax and negative sampling are different numbers; the "
        "held-out cross-entropy compares.",
    )
    yield "pictures", [pictures.CURVES]
    if lines := failures(frame):
        yield "heading", "What failed"
        yield "list", list(map(without_passwords, lines))
    yield "heading", "Settings"
    yield "text", f"The same in all jobs: {_shared(frame)}."
    yield "heading", "Versions and machine"
    yield "text", _machine(facts)


def _text(frame: pd.DataFrame) -> str:
    """Name the text, or texts, that the jobs were trained on."""
    for key in ("corpus.path", "corpus.name"):
        if key in frame.columns:
            names = [text_of(v) for v in effective(frame, key) if v is not None]
            if names:
                return ", ".join(dict.fromkeys(names))
    return "an unknown text"


def _opening(found: Findings) -> Iterator[str]:
    frame, keys = found.frame, swept_keys(found.frame)
    yield f"{job_counts(frame)}"
    if (frame["status"] == "RUNNING").any():
        yield "The sweep is not over: this is what was known when the report was made."
    values = []
    for key in keys:
        levels = list(dict.fromkeys(text_of(v) for v in effective(frame, key) if v is not None))
        shown = ", ".join(levels[:8]) + (f" and {len(levels) - 8} more" if len(levels) > 8 else "")
        values.append(f"{key} ({shown})")
    if values:
        yield f"Varied: {'; '.join(values)}."
    better = "more" if found.direction == "maximize" else "less"
    yield f"Jobs are ranked by {found.metric}, {better} is better."
    marks = frame.attrs.get("fingerprints") or []
    if len(marks) == 1:
        yield f"All have the same text (fingerprint {marks[0]})."
    elif len(marks) > 1:
        yield f"The jobs have {len(marks)} different texts (by their fingerprints)."
    started = frame.attrs.get("started")
    if isinstance(started, float) and math.isfinite(started):
        yield f"Started {time.strftime('%Y-%m-%d %H:%M', time.gmtime(started))} UTC."


def _caution(found: Findings) -> str:
    if not found.has_seeds:
        return (
            "Each configuration has one seed, so differences may be chance: repeat the best ones "
            "with other seeds (seed=1,2,3) before relying on their order."
        )
    return (
        "The intervals are over seeds: what other seeds would give on this text, not what other "
        "texts would. The best configuration was chosen by the scores that it is tested on, so "
        "it looks somewhat better than it is."
    )


def _only_first(table: pd.DataFrame) -> str:
    return f" The first {_MOST_ROWS} of {len(table)}." if len(table) > _MOST_ROWS else ""


def _configuration_rows(table: pd.DataFrame, metric: str) -> list[list[str]]:
    keys = [key for key in swept_keys(table) if key != SEED and key in table.columns]
    beside = [name for name in (CROSS_ENTROPY, TRAINING_SECONDS) if name in table.columns]
    rows = [[*keys, "seeds", titled(metric), "deviation", "95 %", *map(titled, beside), "jobs"]]
    for row in table.head(_MOST_ROWS).to_dict("records"):
        rows.append(
            [
                *(_shown(key, row[key]) for key in keys),
                str(row["seeds"]),
                number(metric, row["mean"]),
                number(metric, row["standard_deviation"]),
                interval(metric, row["low"], row["high"]).replace(" ", "\N{NO-BREAK SPACE}"),
                *(number(name, row[name]) for name in beside),
                row["jobs"],
            ]
        )
    return rows


def _job_rows(table: pd.DataFrame) -> list[list[str]]:
    rows = [[titled(str(name)) if "/" in str(name) else str(name) for name in table.columns]]
    for row in table.head(_MOST_ROWS).to_dict("records"):
        rows.append([_shown(str(name), value) for name, value in row.items()])
    return rows


def _shown(name: str, value: Any) -> str:
    if "/" in name:
        return number(name, float(value))
    return "" if _value(value) is None else text_of(value)


def _value(value: Any) -> Any:
    """Return None for whatever pandas has in place of a missing value."""
    import pandas as pd

    return None if pd.api.types.is_scalar(value) and pd.isna(value) else value


def _how_effects(frame: pd.DataFrame, effects: pd.DataFrame, metric: str) -> str:
    text = (
        f"The mean of {titled(metric)} at each value of a parameter, all values of the others in "
        "equal parts: least-squares means of the sum of the parameters' effects, which are plain "
        "means where every combination was run. The share is the part of the variance of all jobs "
        "that the parameter explains beyond the others."
    )
    if not effects["is_adjusted"].all():
        plain = effects.loc[~effects["is_adjusted"], "parameter"]
        text += (
            f" Plain means, since too few combinations were run to hold the others equal: "
            f"{', '.join(dict.fromkeys(plain))}."
        )
    if effects["is_binned"].any():
        binned = effects.loc[effects["is_binned"], "parameter"]
        text += f" Cut into parts of about as many jobs each: {', '.join(dict.fromkeys(binned))}."
    missing = [key for key in swept_keys(frame) if None in effective(frame, key)]
    if missing:
        text += f" Over the jobs that have it: {', '.join(missing)}."
    hidden = [f"{key} ({other})" for key, other in shadows(frame).items()]
    if hidden:
        text += f" Changed only together with another one: {', '.join(hidden)}."
    return text


def _effect_rows(effects: pd.DataFrame, metric: str) -> list[list[str]]:
    rows = [["parameter", "value", "jobs", titled(metric), "share"]]
    for row in effects.to_dict("records"):
        share = "" if math.isnan(row["share"]) else f"{row['share']:.0%}"
        rows.append(
            [
                row["parameter"], row["level"], str(row["jobs"]), number(metric, row["mean"]),
                share,
            ]
        )  # fmt: skip
    return rows


def _departure_rows(found: Findings) -> list[list[str]]:
    metric = found.metric
    pairs = found.cells[["first", "second", "departure"]].drop_duplicates()
    rows = [["parameters", f"departure, {titled(metric)}"]]
    for row in pairs.dropna().to_dict("records"):
        rows.append([f"{row['first']}, {row['second']}", number(metric, row["departure"])])
    return rows


def _shared(frame: pd.DataFrame) -> str:
    parts = []
    others = {*JOB_COLUMNS, *swept_keys(frame)}
    for key in frame.columns:
        if "/" not in key and key not in others:
            values = {text_of(_value(value)) for value in frame[key]}
            if len(values) == 1 and values != {"null"}:
                parts.append(f"{key} {without_passwords(values.pop())}")
    return ", ".join(parts) or "nothing is known"


def _machine(facts: Mapping[Any, Any]) -> str:
    import platform
    from importlib.metadata import PackageNotFoundError, version

    import nw2v
    from nw2v.cores import available_cores

    versions = [f"nw2v {nw2v.__version__}", f"Python {platform.python_version()}"]
    for name in _PACKAGES:
        try:
            versions.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            continue
    hosts = facts.get("hosts") or []
    ran = f"The jobs ran on {', '.join(map(str, hosts))}. " if len(hosts) > 1 else ""
    cores = counted(available_cores(), "core")
    return (
        f"{ran}This report was made by {', '.join(versions)}, on {platform.system()} "
        f"{platform.machine()} with {cores}."
    )


def without_passwords(text: str) -> str:
    """Return a text with three stars for the password in each address that has one."""
    return _PASSWORD.sub(r"\1:***@", text)


def _escaped(block: Block) -> Block:
    """Keep Markdown from reading marks in names and messages as its own."""

    def plain(text: str) -> str:
        return re.sub(r"([<*`]|(?<!\w)_|_(?!\w)|(?<=\])\()", r"\\\1", text)

    kind, content = block
    if kind in ("text", "heading", "title"):
        return kind, plain(content)
    if kind == "list":
        return kind, list(map(plain, content))
    if kind == "table":
        return kind, [list(map(plain, row)) for row in content]
    return block
