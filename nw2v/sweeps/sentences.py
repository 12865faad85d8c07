"""What a sweep says, in a few plain sentences, and what it cannot say."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from nw2v.reports.words import counted
from nw2v.sweeps.design import finished, shadows
from nw2v.sweeps.findings import Findings, find
from nw2v.sweeps.over_seeds import SIGNIFICANCE, seed_deviation
from nw2v.sweeps.ranking import TRAINING_SECONDS, nondominated, pareto_jobs
from nw2v.sweeps.records import STATUSES
from nw2v.sweeps.wording import amount, interval, number, numbers

if TYPE_CHECKING:
    import pandas as pd

_NAMED = 4
_ROUNDING = 1e-9
"""Relative differences below it come from arithmetic, not from jobs."""


def conclusions(
    frame: pd.DataFrame, metric: str | None = None, direction: str | None = None
) -> list[str]:
    """Say what a sweep shows.

    Parameters
    ----------
    frame : DataFrame
        As `nw2v.sweeps.load` returns it.
    metric, direction : str, optional
        By default sweep.metric and sweep.direction.

    Returns
    -------
    list of str
        Sentences: how many jobs there are and came to their end; the best configuration with its
        interval; what cannot be told apart from it; what each parameter does; what is both fast
        and good.
    """
    return sentences(find(frame, metric, direction))


def sentences(found: Findings) -> list[str]:
    """Say what was found, as `conclusions`."""
    frame = found.frame
    lines = [job_counts(frame), *failures(frame), *text_lines(frame)]
    if not len(found.table):
        return [*lines, *_unranked(frame, found.metric)]
    return [
        *lines,
        *best_lines(found),
        *parameter_lines(found),
        *time_lines(found),
        *objective_lines(frame),
    ]


def job_counts(frame: pd.DataFrame) -> str:
    """Say how many jobs there are, and how many of each status."""
    counts = frame["status"].value_counts()
    parts = [f"{counts[status]:,} {status.lower()}" for status in STATUSES if status in counts]
    return f"{counted(len(frame), 'job')}" + (f": {', '.join(parts)}." if parts else ".")


def text_lines(frame: pd.DataFrame) -> Iterator[str]:
    """Say where jobs that name the same text had different ones: it was changed between them."""
    named = [key for key in frame.columns if key.startswith("corpus.")]
    if not named or "fingerprint" not in frame:
        return
    same = [str(values) for values in frame[named].itertuples(index=False, name=None)]
    if frame["fingerprint"].groupby(same).nunique().max() > 1:
        yield (
            "The text was changed between jobs: their scores do not compare, and means over seeds "
            "mix texts. Resume the sweep to do all of its jobs on the text of today."
        )


def failures(frame: pd.DataFrame) -> list[str]:
    """Say which jobs failed, and why: jobs of the same reason together."""
    failed = frame[frame["status"].isin(["FAILED", "KILLED"])]
    reasons: dict[tuple[str, str], list[int]] = {}
    for job in failed.itertuples():
        reason = job.failure if isinstance(job.failure, str) and job.failure else "no reason known"
        reasons.setdefault((str(job.status), reason), []).append(int(str(job.job)))
    lines = []
    for (status, reason), jobs in reasons.items():
        word = "Failed" if status == "FAILED" else "Interrupted"
        lines.append(f"{word}: {numbers(jobs)} ({' '.join(reason.split())[:300].rstrip('.')}).")
    return lines


def best_lines(found: Findings) -> Iterator[str]:
    """Say which configuration is best, and what cannot be told apart from it."""
    table, metric, tests = found.table, found.metric, found.tests
    best = table.iloc[0]
    if len(table) == 1:
        yield f"One configuration, {best.configuration}: {metric} {_with_interval(metric, best)}."
        return
    yield (
        f"Best by {metric} of {counted(len(table), 'configuration')}: {best.configuration}, "
        f"{_with_interval(metric, best)}."
    )
    known = tests.dropna(subset=["p_value"])
    yield second_line(metric, str(best.configuration), tests.iloc[0].to_dict(), len(known))
    if len(known) < 2:
        return
    alike = known.loc[~known["is_apart"], "configuration"].tolist()
    if not alike:
        yield f"All {len(known)} others can be told apart from the best."
        return
    more = f" and {len(alike) - _NAMED} more" if len(alike) > _NAMED else ""
    yield (
        f"{len(alike)} of {len(known)} others cannot be told apart from "
        f"the best (after Holm's correction): {'; '.join(alike[:_NAMED])}{more}."
    )


def second_line(metric: str, best: str, test: Mapping[Any, Any], comparisons: int) -> str:
    """Say whether the best and the second configuration can be told apart."""
    second, difference = test["configuration"], abs(test["difference"])
    if math.isnan(test["p_value"]):
        return (
            f"Second is {second}, {amount(metric, difference)} behind. With one seed nothing can "
            "be said of what other seeds would give."
        )
    # The difference is told as a positive one.
    ends = (test["low"], test["high"]) if test["difference"] >= 0 else (-test["high"], -test["low"])
    seeds = f"{test['seeds']} {'seed' if test['seeds'] == 1 else 'seeds'}"
    if test["test"] == "Welch":
        seeds += " of their own (Welch's test)"
    facts = (
        f"difference {amount(metric, difference)}, 95 % interval {interval(metric, *ends)}, "
        f"p = {test['p_value']:.2g}"
    )
    if test["is_apart"]:
        return f"{best} is better than the second, {second}, on {metric} with {seeds} ({facts})."
    if test["p_value"] < SIGNIFICANCE:
        facts += f", {test['holm']:.2g} after Holm's correction for {comparisons} comparisons"
    return f"{best} and {second} cannot be told apart on {metric} with {seeds} ({facts})."


def parameter_lines(found: Findings) -> Iterator[str]:
    """Say what each parameter does on average, the strongest first."""
    metric, ascending = found.metric, found.direction == "minimize"
    sizes = []
    for key, levels in found.effects.groupby("parameter", sort=False):
        known = levels.dropna(subset=["mean"])
        if len(known) > 1:
            ordered = known.sort_values("mean", ascending=ascending, kind="stable")
            best, worst = ordered.iloc[0], ordered.iloc[-1]
            sizes.append((abs(best["mean"] - worst["mean"]), str(key), best, worst))
    largest = 0.0
    for size, key, best, worst in sorted(sizes, key=lambda one: -one[0]):
        largest = max(largest, size)
        if size <= _ROUNDING * abs(best["mean"]):
            yield f"{key} makes no difference to {metric}."
            continue
        share = "" if math.isnan(best.share) else f"; it explains {best.share:.0%} of the variance"
        plain = "" if best.is_adjusted else "; plain means, other parameters not held equal"
        yield (
            f"{key}: on average {best.level} is best ({number(metric, best['mean'])}) and "
            f"{worst.level} worst ({number(metric, worst['mean'])}){share}{plain}."
        )
    noise = seed_deviation(found.table)
    if not math.isnan(noise):
        yield (
            f"Seeds alone: jobs of one configuration have a standard deviation of "
            f"{amount(metric, noise)}."
        )
    yield from _together(found, largest)
    hidden = shadows(finished(found.frame, metric))
    for key, other in hidden.items():
        yield f"{key} changed only together with {other}: their effects cannot be told apart."


def time_lines(found: Findings) -> Iterator[str]:
    """Say what is fast and good at once."""
    table, metric = found.table, found.metric
    if TRAINING_SECONDS not in table.columns or len(table) < 2:
        return
    timed = table.dropna(subset=[TRAINING_SECONDS])
    if metric == TRAINING_SECONDS or not len(timed):
        return
    sign = -1.0 if found.direction == "maximize" else 1.0
    costs = np.column_stack([timed[TRAINING_SECONDS], sign * timed["mean"]])
    front = timed[nondominated(costs)].sort_values(TRAINING_SECONDS, kind="stable")
    fastest, best = front.iloc[0], front.iloc[-1]
    if len(front) == 1:
        yield f"The best configuration is also the fastest: {_seconds(best)} of training."
        return
    yield (
        f"Time: {best.configuration} takes {_seconds(best)} of training; the fastest, "
        f"{fastest.configuration}, {_seconds(fastest)} for {number(metric, fastest['mean'])} "
        f"instead of {amount(metric, best['mean'])}. {len(front)} of {len(timed)} configurations "
        "are not beaten in both."
    )
    tests = found.tests
    alike = set(tests.loc[(~tests["is_apart"]) & tests["p_value"].notna(), "configuration"])
    cheap = front[front["configuration"].isin(alike)]
    if len(cheap) and cheap.iloc[0][TRAINING_SECONDS] < 0.9 * best[TRAINING_SECONDS]:
        one = cheap.iloc[0]
        yield (
            f"Of those that cannot be told apart from the best, {one.configuration} is fastest: "
            f"{_seconds(one)}."
        )


def objective_lines(frame: pd.DataFrame) -> Iterator[str]:
    """Of a sweep with several metrics, say which jobs no other one beats in all of them."""
    metrics, directions = frame.attrs.get("metrics", []), frame.attrs.get("directions", [])
    if len(metrics) > 1:
        front = pareto_jobs(frame, metrics, directions)
        if len(front):
            yield (
                f"Not beaten in all of {', '.join(metrics)} at once: "
                f"{numbers(front['job'].tolist())}."
            )


def _together(found: Findings, largest: float) -> Iterator[str]:
    metric = found.metric
    pairs = found.cells[["first", "second", "departure"]].drop_duplicates()
    pairs = pairs.dropna(subset=["departure"]).sort_values("departure", ascending=False)
    if not len(pairs) or largest <= _ROUNDING * found.table["mean"].abs().max():
        return
    top = pairs.iloc[0]
    if top.departure < 0.05 * largest:
        yield "The parameters' effects add up: no two of them change each other's much."
        return
    yield (
        f"{top['first']} and {top['second']} change each other's effect most: a combination is up "
        f"to {amount(metric, top.departure)} from the sum of their effects."
    )


def _unranked(frame: pd.DataFrame, metric: str) -> Iterator[str]:
    if not len(frame) or not (frame["status"] == "FINISHED").any():
        yield "No job has come to its end yet: nothing can be ranked."
        return
    others = [name for name in frame.columns if "/" in name and not name.startswith("seconds/")]
    there = [name for name in others if len(finished(frame, name))]
    yield (
        f"No finished job has {metric} (sweep.metric): nothing can be ranked."
        + (f" There are {', '.join(there[:8])}." if there else "")
    )


def _with_interval(metric: str, row: Any) -> str:
    text = amount(metric, row["mean"])
    jobs = numbers(list(map(int, str(row.jobs).split())), 5)
    if math.isnan(row.low):
        return f"{text} ({jobs}; one seed)"
    ends = interval(metric, row.low, row.high)
    return f"{text} (95 % interval {ends} over {row.seeds} seeds; {jobs})"


def _seconds(row: Any) -> str:
    return f"{number(TRAINING_SECONDS, row[TRAINING_SECONDS])} s"
