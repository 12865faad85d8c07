"""Exact training from counts: seconds of a pass, beside the machine's peak and softmaxes by text.

    pip install torch        # optional: a row of the comparison
    python benchmarks/exact_training.py

Counts are made by Zipf's law, as no text is needed: only some center words have pairs, so that a
pass is a few blocks over the whole vocabulary, and is scaled to all center words. All take turns:
the peak is measured again beside each pass, and ratios are of figures from the same round.
"""

from __future__ import annotations

import argparse
import importlib
import itertools
import math
import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from reporting import command_line, in_words, machine, markdown, run_benchmark, table
from roofline import seconds_of
from softmax_windows import trainer_for, windows_per_second
from texts import SEED, zipf_counts
from threadpoolctl import threadpool_info, threadpool_limits

from nw2v.cores import available_cores
from nw2v.corpus.subsampling import keep_probabilities
from nw2v.errors import InputError
from nw2v.kernels.exact_tiles import Counts
from nw2v.training.cooccurrence import CooccurrenceTrainer
from nw2v.training.loss_over_counts import LossOverCounts
from nw2v.training.parameters import Parameters
from nw2v.training.settings import COOCCURRENCE_DEFAULTS, STUDIED_DEFAULTS, TrainingSettings
from nw2v.training.trainer import Progress

LOSSES = {"naive_softmax": "naive softmax", "negative_sampling": "negative sampling"}
SUBSAMPLE = 1e-4
STRATA = 64
"""Center words that stand for all of a vocabulary when their entries are reckoned."""
BISECTIONS = 40
LARGEST_BLOCKS = 100
"""Trainers report every block up to twice as many."""
SMALLEST_LIMIT = 1
"""MiB: logits of no vocabulary worth measuring fit, so they are computed twice."""
BATCHES = 8
"""Batches of pairs that a dense softmax goes round."""
DENSE_RATE = 0.1
SETTLING_SECONDS = 0.2
"""Threads of a BLAS or of OpenMP spin for a moment after their work: nothing is timed meanwhile."""
GEMM_REPEATS = 2
TORCH = "torch"


# --- made counts --------------------------------------------------------------------------------


def made_law(vocabulary: int, words: int) -> tuple[np.ndarray, np.ndarray]:
    """Make occurrences by Zipf's law, and each word's share of what subsampling leaves."""
    occurrences = zipf_counts(vocabulary, words, 1)
    kept = occurrences * keep_probabilities(occurrences, SUBSAMPLE)
    return occurrences, kept / kept.sum()


def pairs_for(law: np.ndarray, entries: int) -> float:
    """Find how many pairs of independent words leave so many different ones a center, on average.

    A pair (c, o) is there with probability 1 - exp(-pairs q_c q_o).
    """
    if not 0 < entries <= len(law) / 2:
        raise InputError(f"{entries:,} entries a row: at most half a vocabulary of {len(law):,}")
    ranks = ((np.arange(STRATA) + 0.5) * len(law) / STRATA).astype(np.int64)
    low, high = 0.0, 80.0  # of log(pairs): no text is as long as that
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        present = -np.expm1(-math.exp(middle) * law[ranks, None] * law)
        low, high = (middle, high) if present.sum() < entries * STRATA else (low, middle)
    return math.exp(low)


def made_counts(law: np.ndarray, entries: int, centers: np.ndarray) -> Counts:
    """Draw the rows of some center words; all other rows are empty.

    An entry that is there has the count that is expected of it then: the mean of a Poisson variable
    that is not zero.
    """
    pairs = pairs_for(law, entries)
    random = np.random.default_rng(SEED)
    sizes = np.zeros(len(law), dtype=np.int64)
    sums = np.zeros(len(law))
    words, counts = [], []
    for center in centers:
        expected = pairs * law[center] * law
        present = -np.expm1(-expected)
        row = np.flatnonzero(random.random(len(law)) < present)
        values = (expected[row] / present[row]).astype(np.float32)
        words.append(row.astype(np.int32))
        counts.append(values)
        sizes[center], sums[center] = len(row), values.sum(dtype=np.float64)
    offsets = np.concatenate(([0], np.cumsum(sizes)))
    return Counts(offsets, np.concatenate(words), np.concatenate(counts), sums)


# --- a pass on counts ---------------------------------------------------------------------------


@dataclass(frozen=True)
class Case:
    """What one pass on counts is measured for."""

    vocabulary: int
    dim: int
    entries: int
    loss: str
    memory_limit: int = COOCCURRENCE_DEFAULTS["memory_limit"]

    @property
    def keeps_logits(self) -> bool:
        """Whether logits are computed once: one visit is enough, or all of a block fit."""
        block = min(COOCCURRENCE_DEFAULTS["batch_centers"], self.vocabulary)
        fits = 4 * block * self.vocabulary <= self.memory_limit * 2**20
        return self.loss == "negative_sampling" or fits

    @property
    def operations(self) -> float:
        """Operations of a pass's matrix products, a multiply-add counted as two."""
        return (6 if self.keeps_logits else 8) * float(self.vocabulary) ** 2 * self.dim


class ExactPass:
    """A trainer on made counts, of which some blocks are timed.

    Parameters
    ----------
    case : Case
    occurrences : (V,) integer array
    counts : Counts
        With entries in the rows of some center words.
    words : int
        Of the text.
    threads : int
    """

    def __init__(
        self, case: Case, occurrences: np.ndarray, counts: Counts, words: int, threads: int
    ) -> None:
        settings = TrainingSettings(
            loss=case.loss,
            trainer="cooccurrence",
            dim=case.dim,
            epochs=1,
            threads=threads,
            memory_limit=case.memory_limit,
        ).resolved(occurrences)
        parameters = Parameters(
            case.vocabulary, case.dim, seed=SEED, initial_scale=settings.initial_scale
        )
        self._trainer = CooccurrenceTrainer(
            LossOverCounts(counts, occurrences, settings), words, parameters, settings
        )
        self._trainer.prepare()
        self._vocabulary = case.vocabulary
        centers = int((counts.row_sums > 0).sum())
        assert settings.batch_centers is not None
        block = min(settings.batch_centers, centers)
        self._sizes = [min(block, centers - first) for first in range(0, centers, block)]

    def seconds(self) -> float:
        """Time the blocks: the median of all but the first, scaled to all center words.

        The first one meets memory for the first time that a real pass goes on to use.
        """
        reports: list[Progress] = []
        self._trainer.run_epoch(0, reports.append)
        if not all(math.isfinite(one.loss) for one in reports):
            raise InputError("training diverged: what is timed then says nothing")
        each = [one.seconds / size for one, size in zip(reports, self._sizes, strict=True)]
        return self._vocabulary * statistics.median(each[1:] or each)


def all_cases(arguments: argparse.Namespace) -> list[Case]:
    """List the cases: over vocabularies, over dimensions, over entries, and logits twice."""
    vocabulary, dim, entries = arguments.at_vocabulary, arguments.at_dim, arguments.entries
    shapes = [
        (vocabulary, dim, entries),
        *((other, dim, entries) for other in arguments.vocabulary),
        *((vocabulary, other, entries) for other in arguments.dim),
        *((vocabulary, dim, other) for other in arguments.more_entries),
    ]
    cases = [Case(*shape, loss) for shape in shapes for loss in LOSSES]
    cases.append(Case(vocabulary, dim, entries, "naive_softmax", SMALLEST_LIMIT))
    once = dict.fromkeys(cases)
    return sorted(once, key=lambda one: (one.vocabulary, one.dim, one.entries, one.loss))


def passes_of(
    cases: Iterable[Case], arguments: argparse.Namespace
) -> tuple[dict[Case, ExactPass], dict[Case, float]]:
    """Make a trainer for each case, and count the entries a row that were drawn."""
    passes, drawn = {}, {}
    made: dict[tuple[int, int], tuple[np.ndarray, Counts, int]] = {}
    for case in cases:
        shape = case.vocabulary, case.entries
        if shape not in made:
            occurrences, law = made_law(case.vocabulary, arguments.words)
            # One more block than is timed: see ExactPass.seconds.
            block: int = COOCCURRENCE_DEFAULTS["batch_centers"]
            number = min(case.vocabulary, block * (arguments.blocks + 1))
            random = np.random.default_rng(SEED)
            centers = np.sort(random.choice(case.vocabulary, number, replace=False))
            made[shape] = occurrences, made_counts(law, case.entries, centers), number
        occurrences, counts, number = made[shape]
        passes[case] = ExactPass(case, occurrences, counts, arguments.words, arguments.threads)
        drawn[case] = len(counts.words) / number
    return passes, drawn


# --- the machine's peak -------------------------------------------------------------------------


def gemm_peaks(size: int, threads: int) -> dict[str, float]:
    """Operations a second of square NumPy products in float32, a multiply-add counted as two."""
    random = np.random.default_rng(SEED)

    def product() -> Callable[[], Any]:
        left, right = (random.random((size, size), dtype=np.float32) for _ in range(2))
        out = np.empty_like(left)
        return lambda: np.matmul(left, right, out=out)

    work = [product() for _ in range(threads)]
    operations = 2.0 * size**3
    with threadpool_limits(limits=threads, user_api="blas"):
        together = operations / seconds_of(work[:1], GEMM_REPEATS)
    time.sleep(SETTLING_SECONDS)
    with threadpool_limits(limits=1, user_api="blas"):
        apart = operations * threads / seconds_of(work, GEMM_REPEATS)
    return {"one on all threads": together, "one a thread": apart}


# --- dense batches of pairs ---------------------------------------------------------------------

DenseStep = Callable[[np.ndarray, np.ndarray], None]
"""Makes a step on a batch of pairs: center words and outside words, both (B,) int64."""


def numpy_step(parameters: Parameters, batch: int) -> DenseStep:
    """Make steps of the softmax over a batch of pairs in plain NumPy, logits in one place."""
    vectors = np.ascontiguousarray(parameters.center_vectors)
    outsides = np.ascontiguousarray(parameters.outside_vectors)
    buffer = np.empty((batch, len(outsides)), dtype=np.float32)
    rows, rate = np.arange(batch), np.float32(DENSE_RATE / batch)

    def step(centers: np.ndarray, words: np.ndarray) -> None:
        chosen = vectors[centers]
        values = np.matmul(chosen, outsides.T, out=buffer)
        values -= values.max(axis=1, keepdims=True)
        np.exp(values, out=values)
        values /= values.sum(axis=1, keepdims=True)
        values[rows, words] -= 1
        of_centers, of_outsides = values @ outsides, values.T @ chosen
        of_outsides *= rate
        np.subtract(outsides, of_outsides, out=outsides)
        np.subtract.at(vectors, centers, rate * of_centers)

    return step


def torch_step(torch: Any, parameters: Parameters) -> DenseStep:
    """Make steps of cross_entropy over a batch of pairs in torch, on the CPU."""
    vectors, outsides = (
        torch.nn.Parameter(torch.tensor(np.ascontiguousarray(matrix)))
        for matrix in (parameters.center_vectors, parameters.outside_vectors)
    )
    optimizer = torch.optim.SGD([vectors, outsides], lr=DENSE_RATE)
    functional = torch.nn.functional

    def step(centers: np.ndarray, words: np.ndarray) -> None:
        optimizer.zero_grad()
        # A sparse gradient: the step changes the rows of the batch, not all center vectors.
        chosen = functional.embedding(torch.from_numpy(centers), vectors, sparse=True)
        functional.cross_entropy(chosen @ outsides.T, torch.from_numpy(words)).backward()
        optimizer.step()

    return step


class DenseBatches:
    """Pairs by Zipf's law, and a step on a batch of them.

    Parameters
    ----------
    step : callable
    law : (V,) array
        Each word's share of the pairs.
    batch : int
    """

    def __init__(self, step: DenseStep, law: np.ndarray, batch: int) -> None:
        random = np.random.default_rng(SEED)
        self._step, self._batch = step, batch
        self._batches = itertools.cycle(
            [random.choice(len(law), (2, batch), p=law) for _ in range(BATCHES)]
        )

    def pairs_per_second(self, seconds: float) -> float:
        """Make steps for some seconds, after a first one: by the median of their times."""
        self._step(*next(self._batches))
        times: list[float] = []
        while not times or sum(times) < seconds:
            centers, words = next(self._batches)
            began = time.perf_counter()
            self._step(centers, words)
            times.append(time.perf_counter() - began)
        return self._batch / statistics.median(times)


def imported_torch(threads: int) -> Any:
    """Give torch, told to use so many threads; None where it is not installed."""
    try:
        # Not an import statement: type checkers need not know torch.
        torch = importlib.import_module(TORCH)
    except ImportError:
        return None
    torch.set_num_threads(threads)
    return torch


# --- what is measured ---------------------------------------------------------------------------


def others(arguments: argparse.Namespace, torch: Any) -> list[tuple[dict[str, Any], Any]]:
    """List what goes through the text softmax by softmax: a description, and what measures it."""
    vocabulary, dim, threads = arguments.at_vocabulary, arguments.at_dim, arguments.threads
    listed: list[tuple[dict[str, Any], Any]] = []
    made_text = argparse.Namespace(words=arguments.loop_words, dim=dim, threads=threads)
    for windows in arguments.batch_windows:
        loop, _ = trainer_for(vocabulary, windows, made_text)

        def of_loop(loop: Any = loop) -> float:
            return windows_per_second(loop, arguments.seconds)

        listed.append(({"system": "textbook loop", "unit": "windows", "batch": windows}, of_loop))
    _, law = made_law(vocabulary, arguments.words)
    scale = TrainingSettings().initial_scale
    for batch in arguments.batch_pairs:

        def parameters() -> Parameters:
            return Parameters(vocabulary, dim, seed=SEED, initial_scale=scale)

        steps = {"NumPy": numpy_step(parameters(), batch)}
        if torch is not None:
            steps[TORCH] = torch_step(torch, parameters())
        for system, step in steps.items():
            dense = DenseBatches(step, law, batch)

            def of_dense(dense: DenseBatches = dense) -> float:
                with threadpool_limits(limits=threads, user_api="blas"):
                    return dense.pairs_per_second(arguments.seconds)

            listed.append(({"system": system, "unit": "pairs", "batch": batch}, of_dense))
    return listed


def check(arguments: argparse.Namespace) -> None:
    """Refuse numbers that nothing can be measured with."""
    for name in ("repeats", "blocks", "threads", "loop_words", "gemm", "words", "centers", "pairs"):
        if getattr(arguments, name) < 1:
            raise InputError(f"--{name.replace('_', '-')} must be 1 or more")
    if arguments.blocks > LARGEST_BLOCKS:
        raise InputError(f"--blocks must be {LARGEST_BLOCKS} or less")


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """Measure all in turn, some rounds."""
    check(arguments)
    record: dict[str, Any] = {
        "command": command_line("exact_training.py", arguments, parser()),
        "machine": machine(TORCH),
        "blas": [
            f"{one['internal_api']} {one['version']} ({one.get('architecture', '?')})"
            for one in threadpool_info()
            if one["user_api"] == "blas" and "numpy" in one["filepath"]
        ],
        "setting": {
            "vocabulary": arguments.at_vocabulary,
            "dim": arguments.at_dim,
            "entries": arguments.entries,
            "threads": arguments.threads,
            "blocks": arguments.blocks,
            "batch_centers": COOCCURRENCE_DEFAULTS["batch_centers"],
            "optimizer": COOCCURRENCE_DEFAULTS["optimizer"],
            "gemm": arguments.gemm,
            "repeats": arguments.repeats,
        },
        "text": {
            "words": arguments.words,
            "centers": arguments.centers,
            "pairs": arguments.pairs,
        },
        "torch": False,
    }
    cases = all_cases(arguments)
    passes, drawn = passes_of(cases, arguments)
    torch = imported_torch(arguments.threads)
    record["torch"] = torch is not None
    listed = others(arguments, torch)
    seconds: dict[Case, list[float]] = {case: [] for case in cases}
    peaks: dict[Case, list[dict[str, float]]] = {case: [] for case in cases}
    speeds: list[list[float]] = [[] for _ in listed]
    for _ in range(arguments.repeats):
        for case, one in passes.items():
            time.sleep(SETTLING_SECONDS)
            peaks[case].append(gemm_peaks(arguments.gemm, arguments.threads))
            time.sleep(SETTLING_SECONDS)
            seconds[case].append(one.seconds())
        for found, (_, speed) in zip(speeds, listed, strict=True):
            time.sleep(SETTLING_SECONDS)
            found.append(speed())
    record["passes"] = [
        {
            **asdict(case),
            "drawn_entries": drawn[case],
            "keeps_logits": case.keeps_logits,
            "operations": case.operations,
            "seconds": seconds[case],
            "peaks": peaks[case],
        }
        for case in cases
    ]
    record["others"] = [
        {**what, "per_second": found} for (what, _), found in zip(listed, speeds, strict=True)
    ]
    return record


# --- the report ---------------------------------------------------------------------------------


def in_time(seconds: float) -> str:
    """Write a time in a unit that suits it: `4.3 s`, `12 min`, `3.4 h`."""
    for unit, size, least in (("h", 3600.0, 7200.0), ("min", 60.0, 120.0)):
        if seconds >= least:
            return f"{seconds / size:,.1f} {unit}"
    return f"{seconds:.3g} s"


def passes_where(record: dict[str, Any], loss: str, **fixed: float) -> list[dict[str, Any]]:
    """Select the passes of one loss, at the setting but for what is fixed; None: any value."""
    setting = record["setting"]
    wanted = {name: setting[name] for name in ("vocabulary", "dim", "entries")} | {
        "memory_limit": COOCCURRENCE_DEFAULTS["memory_limit"],
        "loss": loss,
        **fixed,
    }
    return [
        one
        for one in record["passes"]
        if all(value is None or one[name] == value for name, value in wanted.items())
    ]


def peak_rounds(one: dict[str, Any]) -> list[float]:
    """Give the better of the two peaks beside a pass, of each round."""
    return [max(peaks.values()) for peaks in one["peaks"]]


def by_text(record: dict[str, Any], one: dict[str, Any], unit: str) -> list[float]:
    """Seconds a pass over the text of each round, with one softmax a window or a pair."""
    softmaxes = record["text"]["centers" if unit == "windows" else "pairs"]
    return [softmaxes / speed for speed in one["per_second"]]


def median_ratio(above: Sequence[float], below: Sequence[float]) -> float:
    """Give the median of the ratios of two figures from the same rounds."""
    return statistics.median(a / b for a, b in zip(above, below, strict=True))


def best_others(record: dict[str, Any]) -> list[dict[str, Any]]:
    """Give each system at its best batch; the textbook loop with every one."""
    found = [one for one in record["others"] if one["system"] == "textbook loop"]
    for system in ("NumPy", TORCH):
        sizes = [one for one in record["others"] if one["system"] == system]
        if sizes:
            found.append(max(sizes, key=lambda one: statistics.median(one["per_second"])))
    return found


def name_of(one: dict[str, Any]) -> str:
    """Name a system and its batch."""
    batch, unit = one["batch"], one["unit"]
    if one["system"] == "textbook loop":
        return f"nw2v, textbook loop, {batch} window{'s' if batch > 1 else ''} a step"
    return f"{one['system']}, dense batches of {batch:,} {unit}"


def pass_rows(record: dict[str, Any]) -> list[list[str]]:
    """One row for each pass on counts."""
    rows = []
    for one in record["passes"]:
        speeds = [one["operations"] / seconds for seconds in one["seconds"]]
        twice = "" if one["keeps_logits"] else ", logits twice"
        rows.append(
            [
                LOSSES[one["loss"]] + twice,
                f"{one['vocabulary']:,}",
                f"{one['dim']}",
                f"{one['drawn_entries']:,.0f}",
                f"{statistics.median(one['seconds']):.3g}",
                f"{statistics.median(speeds) / 1e9:.1f}",
                f"{100 * median_ratio(speeds, peak_rounds(one)):.0f} %",
            ]
        )
    return rows


def comparison_rows(record: dict[str, Any]) -> list[list[str]]:
    """One row for each way through the text, its times beside a pass on counts."""
    exact = passes_where(record, "naive_softmax")[0]["seconds"]
    setting, rows = record["setting"], []
    for loss, name in LOSSES.items():
        one = passes_where(record, loss)[0]
        speeds = [one["operations"] / seconds for seconds in one["seconds"]]
        rows.append(
            [
                f"nw2v, counts, {name}",
                "",
                f"{statistics.median(speeds) / 1e9:.1f}",
                in_time(statistics.median(one["seconds"])),
                f"{median_ratio(one['seconds'], exact):.2f}",
                *("", ""),
            ]
        )
    for one in best_others(record):
        speed = statistics.median(one["per_second"])
        # A row of logits costs the same whether one outside word is counted in it or several.
        rate = 6.0 * setting["vocabulary"] * setting["dim"] * speed
        row = [name_of(one), f"{speed:,.0f} {one['unit']}/s", f"{rate / 1e9:.1f}"]
        for unit in ("windows", "pairs"):
            taken = by_text(record, one, unit)
            row += [in_time(statistics.median(taken)), f"{median_ratio(taken, exact):,.0f}"]
        rows.append(row)
    if not record["torch"]:
        rows.append(["torch: not installed here", *[""] * 6])
    return rows


def report(record: dict[str, Any]) -> str:
    """Put everything that was measured into Markdown."""
    setting, text = record["setting"], record["text"]
    measured = [peaks for one in record["passes"] for peaks in one["peaks"]]
    peaks = {name: statistics.median(one[name] for one in measured) for name in measured[0]}
    best = statistics.median(max(one.values()) for one in measured)
    exact = statistics.median(passes_where(record, "naive_softmax")[0]["seconds"])
    passes = STUDIED_DEFAULTS["naive_softmax", "cooccurrence"][1]
    loops = STUDIED_DEFAULTS["naive_softmax", "stream"][1]
    return markdown(
        "Exact training from counts",
        record,
        f"Blocks of {setting['batch_centers']} center words, {setting['optimizer']}, threads: "
        f"{setting['threads']}.  \nMachine: {in_words(record['machine'])}; BLAS of NumPy: "
        f"{', '.join(record['blas']) or 'unknown'}.",
        "## A pass",
        table(
            ["loss", "V", "dim", "entries a row", "s a pass", "GFLOP/s", "of the peak"],
            pass_rows(record),
        ),
        f"Seconds: gradients and steps of all V center words, from {setting['blocks']} blocks "
        "(fewer where the vocabulary has not so many). Operations: those of the matrix products, "
        "6 V² dim a pass, 8 where logits are computed twice because they would take more than "
        "`trainer.memory_limit`; exponentials, residuals and the optimizer's steps take time but "
        f"count for nothing. Peak: {best / 1e9:.0f} GFLOP/s, the better of two, beside each pass: "
        f"NumPy's product of float32 matrices of {setting['gemm']:,} x {setting['gemm']:,}, one on "
        f"all threads ({peaks['one on all threads'] / 1e9:.0f}), or one a thread at the same time "
        f"({peaks['one a thread'] / 1e9:.0f}). Counts are made: words by Zipf's law, subsampled at "
        f"{SUBSAMPLE:g}, independent, as many pairs as leave the entries that a row should have on "
        f"average. Medians of {setting['repeats']} rounds in which all take turns.",
        f"## One pass over a text of {text['words']:,} words",
        table(
            [
                *("", "speed", "GFLOP/s", "a softmax a window, or counts"),
                *("ratio", "a softmax a pair", "ratio"),
            ],
            comparison_rows(record),
        ),
        f"V = {setting['vocabulary']:,}, dim {setting['dim']}; {text['centers']:,} windows and "
        f"{text['pairs']:,} pairs are what subsampling leaves. Ratios are to a pass of the naive "
        f"softmax on counts, {in_time(exact)}. A system is measured in the unit of its speed; the "
        "other column is the same time for each row of logits. Dense batches: logits of all pairs "
        "of a batch, gradient and step (torch: `cross_entropy`, `backward`, SGD), at the best of "
        f"the batches that were tried: {batches_tried(record)}. The textbook loop counts at its "
        "fastest pass, all others by medians. The ratios compare passes, not training: by default "
        f"there are {passes} passes on counts and {loops} of the textbook loop. The text is "
        "counted before, once: `counting.py`.",
        "The figure's times by the length of a text are reckoned from these. A longer text has "
        "more windows and pairs; on counts it adds entries to the rows, and what they cost is in "
        "the first table.",
    )


def batches_tried(record: dict[str, Any]) -> str:
    sizes = sorted({one["batch"] for one in record["others"] if one["unit"] == "pairs"})
    return ", ".join(f"{size:,}" for size in sizes)


def draw_growth(axes: Any, record: dict[str, Any], name: str, power: int) -> None:
    """Draw the seconds of a pass by one of V and dim, and a line of that power through the last."""
    from matplotlib.ticker import FuncFormatter, LogLocator

    from nw2v.plots.figure import BLUE, GREEN, GREY

    for (loss, label), color in zip(LOSSES.items(), (BLUE, GREEN), strict=True):
        points = passes_where(record, loss, **{name: None})  # type: ignore[arg-type]
        x = np.array([one[name] for one in points])
        y = np.array([statistics.median(one["seconds"]) for one in points])
        x, y = x[np.argsort(x)], y[np.argsort(x)]
        axes.plot(x, y, "o-", color=color, label=label)
        if loss == "naive_softmax":
            slope = f"in proportion to {'V²' if power == 2 else 'dim'}"
            axes.plot(x, y[-1] * (x / x[-1]) ** power, "--", color=GREY, linewidth=1, label=slope)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xticks(x, [f"{value:,}" for value in x])
    axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.minorticks_off()
    axes.legend(fontsize=7, frameon=False)


def figure(record: dict[str, Any]) -> Any:
    """Draw how the seconds of a pass grow: by V, by dim, by the length of the text."""
    from nw2v.plots.figure import BLUE, GREEN, GREY, INK, ORANGE, dress, new_figure

    setting, text = record["setting"], record["text"]
    drawing = new_figure(11.0, 3.8)
    by_vocabulary, by_dim, by_length = drawing.subplots(1, 3)
    draw_growth(by_vocabulary, record, "vocabulary", 2)
    dress(by_vocabulary, f"dim {setting['dim']}", "V", "seconds a pass")
    draw_growth(by_dim, record, "dim", 1)
    dress(by_dim, f"V = {setting['vocabulary']:,}", "dim", "seconds a pass")
    lengths = text["words"] * np.geomspace(0.1, 100, 2)
    for (loss, label), color in zip(LOSSES.items(), (BLUE, GREEN), strict=True):
        seconds = statistics.median(passes_where(record, loss)[0]["seconds"])
        by_length.plot(lengths, [seconds] * 2, color=color, label=f"counts, {label}")
    loops = [one for one in best_others(record) if one["system"] == "textbook loop"][:1]
    dense = [one for one in best_others(record) if one["system"] != "textbook loop"]
    for one, color in zip([*loops, *dense], (ORANGE, GREY, INK), strict=False):
        seconds = statistics.median(by_text(record, one, one["unit"]))
        label = f"{one['system']}, a softmax a {one['unit'].removesuffix('s')}"
        by_length.plot(lengths, seconds * lengths / text["words"], color=color, label=label)
    by_length.set_xscale("log")
    by_length.set_yscale("log")
    by_length.minorticks_off()
    # Above the lines: those of counts lie far below the others.
    by_length.set_ylim(top=by_length.get_ylim()[1] * 3000)
    by_length.legend(fontsize=7, frameon=False, loc="upper left")
    title = f"V = {setting['vocabulary']:,}, dim {setting['dim']}"
    dress(by_length, title, "words of the text", "seconds a pass")
    return drawing


def parser() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    add = options.add_argument
    add("--vocabulary", type=int, nargs="+", default=[5_000, 10_000, 20_000, 40_000])
    add("--dim", type=int, nargs="+", default=[50, 100, 200])
    add("--at-vocabulary", type=int, default=20_000, help="while others vary, and to compare")
    add("--at-dim", type=int, default=100, help="the same (default: %(default)s)")
    add("--entries", type=int, default=300, help="a row, on average (default: %(default)s)")
    add("--more-entries", type=int, nargs="*", default=[30, 3_000], help="other numbers")
    add("--blocks", type=int, default=6, help="that are timed of a pass (default: %(default)s)")
    add("--threads", type=int, default=available_cores(), help="default: all cores")
    add("--gemm", type=int, default=2_048, help="size of the matrices of the peak")
    add("--words", type=int, default=10_000_000, help="of the text that is compared for")
    add("--centers", type=int, default=5_800_000, help="windows after subsampling")
    add("--pairs", type=int, default=24_400_000, help="pairs after subsampling")
    add("--batch-windows", type=int, nargs="+", default=[1, 8], help="of the textbook loop")
    add("--batch-pairs", type=int, nargs="+", default=[256, 1_024, 4_096], help="dense batches")
    add("--loop-words", type=int, default=2_000, help="made text of the textbook loop")
    add("--seconds", type=float, default=2.0, help="for each other system and round")
    add("--repeats", type=int, default=5, help="rounds: medians of them (default: %(default)s)")
    add("--out", metavar="PREFIX", help="writes PREFIX.md, PREFIX.json and PREFIX.png")
    return options


if __name__ == "__main__":
    run_benchmark("exact_training", parser(), measure, report, figure)
