"""How far the training kernel is from the machine: measured roofs, and where it stands below them.

    python benchmarks/roofline.py --corpus FILE

Roofs: multiply-adds of the widest registers; rows of 448 bytes read, or read and written, at random
places of tables of several sizes; memory read, or read and written, in sequence.
"""

from __future__ import annotations

import argparse
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from reporting import command_line, in_words, machine, markdown, run_benchmark, table
from texts import open_corpus
from training_kernel import PASSES_OVER_A_ROW, TrainingKernel, timed_epoch

from nw2v.cores import available_cores
from nw2v.jit import kernel
from nw2v.jit.registers import LANES, aligned_zeros

ROW_FLOATS = 112
"""A row of 100 dimensions, padded to whole registers of 16: 448 bytes."""
LINE_FLOATS = 16
ACCUMULATORS = 12
"""Products in flight: two units times four cycles, and some more."""
LOOK_AHEADS = (0, 2, 4, 8, 16)
GATHERS = 400_000
MULTIPLY_ADDS = 2_000_000
MEBIBYTE = 2**20
WIDTH = LANES or 4


# --- what is measured ---------------------------------------------------------------------------


@intrinsic
def _multiply_add(typing_context, count, factor, summand):  # type: ignore[no-untyped-def]
    """Run `count` rounds of independent multiply-adds on registers; give the sum of one lane."""

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        rounds, factor, summand = arguments
        kind = ir.VectorType(ir.FloatType(), WIDTH)
        integer = ir.IntType(32)
        undefined = ir.Constant(kind, ir.Undefined)
        mask = ir.Constant(ir.VectorType(integer, WIDTH), [0] * WIDTH)

        def splat(value):  # type: ignore[no-untyped-def]
            first = builder.insert_element(undefined, value, ir.Constant(integer, 0))
            return builder.shuffle_vector(first, undefined, mask)

        factors, summands = splat(factor), splat(summand)
        fused = cgutils.get_or_insert_function(
            builder.module, ir.FunctionType(kind, [kind] * 3), f"llvm.fma.v{WIDTH}f32"
        )
        sums = [
            cgutils.alloca_once_value(builder, ir.Constant(kind, [float(k)] * WIDTH))
            for k in range(ACCUMULATORS)
        ]
        with cgutils.for_range(builder, rounds):
            for place in sums:
                value = builder.load(place)
                builder.store(builder.call(fused, [value, factors, summands]), place)
        total = builder.load(sums[0])
        for place in sums[1:]:
            total = builder.fadd(total, builder.load(place))
        return builder.extract_element(total, ir.Constant(integer, 0))

    return types.float32(types.int64, types.float32, types.float32), generate


@intrinsic
def _prefetch(typing_context, matrix, row, writes):  # type: ignore[no-untyped-def]
    """Ask for all cache lines of a row, for writing where the last argument is an empty tuple."""

    def generate(context, builder, signature, arguments):  # type: ignore[no-untyped-def]
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        word, integer = ir.IntType(64), ir.IntType(32)
        start = builder.mul(
            context.cast(builder, arguments[1], signature.args[1], types.int64),
            ir.Constant(word, ROW_FLOATS),
        )
        byte = ir.IntType(8).as_pointer()
        function = cgutils.get_or_insert_function(
            builder.module,
            ir.FunctionType(ir.VoidType(), [byte, integer, integer, integer]),
            "llvm.prefetch.p0",
        )
        writing = 1 if len(signature.args[2]) == 0 else 0
        for offset in range(0, ROW_FLOATS, LINE_FLOATS):
            place = builder.gep(data, [builder.add(start, ir.Constant(word, offset))])
            flags = [ir.Constant(integer, flag) for flag in (writing, 3, 1)]
            builder.call(function, [builder.bitcast(place, byte), *flags])
        return context.get_dummy_value()

    return types.void(matrix, row, writes), generate


@kernel
def multiply_add(count, factor, summand):  # type: ignore[no-untyped-def]
    """Multiply and add in registers."""
    return _multiply_add(count, factor, summand)  # type: ignore[call-arg]


@kernel
def read_rows(matrix, order, ahead, total):  # type: ignore[no-untyped-def]
    """Add up rows in the given order, asking for each some rows ahead."""
    for i in range(len(order) - LOOK_AHEADS[-1]):
        if ahead:
            _prefetch(matrix, order[i + ahead], (0,))  # type: ignore[call-arg]
        row = order[i]
        for k in range(ROW_FLOATS):
            total[k] += matrix[row, k]


@kernel
def change_rows(matrix, order, ahead, step):  # type: ignore[no-untyped-def]
    """Add to rows in the given order, asking for each some rows ahead."""
    for i in range(len(order) - LOOK_AHEADS[-1]):
        if ahead:
            _prefetch(matrix, order[i + ahead], ())  # type: ignore[call-arg]
        row = order[i]
        for k in range(ROW_FLOATS):
            matrix[row, k] += step[k]


@kernel
def read_all(values):  # type: ignore[no-untyped-def]
    """Add up an array in sequence."""
    total = np.float32(0)
    for i in range(len(values)):
        total += values[i]
    return total


@kernel
def change_all(values):  # type: ignore[no-untyped-def]
    """Add to an array in sequence."""
    step = np.float32(1e-9)
    for i in range(len(values)):
        values[i] += step


def seconds_of(work: Sequence[Callable[[], Any]], repeats: int) -> float:
    """Run all at the same time, a thread each; the shortest time of several repeats."""
    for one in work:
        one()
    best = float("inf")
    for _ in range(repeats):
        barrier = threading.Barrier(len(work) + 1)

        def wait_and_run(one: Callable[[], Any], barrier: threading.Barrier = barrier) -> None:
            barrier.wait()
            one()
            barrier.wait()

        threads = [threading.Thread(target=wait_and_run, args=(one,)) for one in work]
        for thread in threads:
            thread.start()
        barrier.wait()
        start = time.perf_counter()
        barrier.wait()
        best = min(best, time.perf_counter() - start)
        for thread in threads:
            thread.join()
    return best


def measure_arithmetic(threads: int, repeats: int) -> float:
    """Floating-point operations a second, a multiply-add counted as two."""
    work = [lambda: multiply_add(MULTIPLY_ADDS, np.float32(0.999), np.float32(1e-6))] * threads
    operations = 2.0 * WIDTH * ACCUMULATORS * MULTIPLY_ADDS * threads
    return operations / seconds_of(work, repeats)


def measure_gathers(mebibytes: float, writes: bool, threads: int, repeats: int) -> dict[str, float]:
    """Rows a second at random places of one table that all threads share; the best look-ahead."""
    rows = max(1, int(mebibytes * MEBIBYTE / (4 * ROW_FLOATS)))
    matrix = aligned_zeros(rows, ROW_FLOATS)
    matrix += np.float32(1e-3)
    random = np.random.default_rng(1)
    orders = [
        random.integers(0, rows, GATHERS + LOOK_AHEADS[-1]).astype(np.int32) for _ in range(threads)
    ]
    function = change_rows if writes else read_rows
    found = {}
    for ahead in LOOK_AHEADS:

        def work_on(order: np.ndarray, ahead: int = ahead) -> Callable[[], Any]:
            small = aligned_zeros(1, ROW_FLOATS)[0]
            return lambda: function(matrix, order, ahead, small)

        seconds = seconds_of([work_on(order) for order in orders], repeats)
        found[ahead] = GATHERS * threads / seconds
    ahead = max(found, key=lambda one: found[one])
    return {"rows_per_second": found[ahead], "look_ahead": float(ahead)}


def measure_stream(mebibytes: int, writes: bool, threads: int, repeats: int) -> float:
    """Bytes a second, in sequence; a byte read and written is counted as two."""
    size = mebibytes * MEBIBYTE // 4 // threads
    parts = [aligned_zeros(1, size)[0] for _ in range(threads)]
    for part in parts:
        part += np.float32(1e-3)
    function = change_all if writes else read_all

    def work_on(part: np.ndarray) -> Callable[[], Any]:
        return lambda: function(part)

    seconds = seconds_of([work_on(part) for part in parts], repeats)
    return (2 if writes else 1) * 4.0 * size * threads / seconds


def measure_training(
    arguments: argparse.Namespace, corpus: Any, dim: int, threads: int
) -> dict[str, float]:
    """What training does a second: words, centers, operations, rows of the two matrices."""
    split = corpus.split(0.0, 0)
    trained = TrainingKernel(
        split.training,
        split.vocabulary.counts,
        threads=threads,
        dim=dim,
        window=arguments.window,
        negatives=arguments.negatives,
        subsample=arguments.subsample,
    )
    trainer, best = timed_epoch(trained, threads, 0)
    for epoch in range(1, arguments.repeats):
        _, measured = timed_epoch(trained, threads, epoch, trainer)
        best = min(best, measured, key=lambda one: one["seconds"])
    seconds, centers = best["seconds"], best["centers"]
    pairs = best["pairs"] / centers
    rows = 1 + pairs
    length = trained.parameters.centers.shape[1]
    return {
        "dim": dim,
        "threads": threads,
        "pool": trained.pool,
        "mebibytes": 2 * len(trained.counts) * length * 4 / MEBIBYTE,
        "words_per_second": best["words"] / seconds,
        "centers_per_second": centers / seconds,
        "outside_words": pairs,
        "operations_per_center": 2 * trained.multiply_adds(pairs),
        "operations_per_second": 2 * trained.multiply_adds(pairs) * centers / seconds,
        "row_bytes": 4 * length,
        "rows_per_second": rows * centers / seconds,
        "operations_per_byte": 2 * trained.multiply_adds(pairs) / (rows * 2 * 4 * length),
    }


# --- the report ---------------------------------------------------------------------------------


def measure(arguments: argparse.Namespace) -> dict[str, Any]:
    """Measure the roofs, then the kernel."""
    counts = sorted({1, arguments.threads})
    corpus = open_corpus(arguments.corpus, arguments.min_count)
    record: dict[str, Any] = {
        "command": command_line("roofline.py", arguments, parser()),
        "machine": machine(),
        "register_floats": WIDTH,
        "text": {"name": corpus.name, "tokens": corpus.token_count},
    }
    repeats = arguments.repeats
    record["arithmetic"] = {str(n): measure_arithmetic(n, repeats) for n in counts}
    record["gathers"] = [
        {
            "mebibytes": size,
            "writes": writes,
            "threads": n,
            **measure_gathers(size, writes, n, repeats),
        }
        for size in arguments.table_mebibytes
        for writes in (False, True)
        for n in counts
    ]
    record["stream"] = [
        {
            "writes": writes,
            "threads": n,
            "bytes_per_second": measure_stream(arguments.stream_mebibytes, writes, n, repeats),
        }
        for writes in (False, True)
        for n in counts
    ]
    record["training"] = [
        measure_training(arguments, corpus, dim, n) for dim in arguments.dim for n in counts
    ]
    return record


def nearest_gathers(record: dict[str, Any], one: dict[str, float]) -> dict[str, Any]:
    """Find the roof of rows read and written in a table about as large as the two matrices."""
    fitting = [
        roof for roof in record["gathers"] if roof["writes"] and roof["threads"] == one["threads"]
    ]
    nearest: dict[str, Any] = min(
        fitting, key=lambda roof: abs(np.log(roof["mebibytes"] / one["mebibytes"]))
    )
    return nearest


def report(record: dict[str, Any]) -> str:
    """Put everything that was measured into Markdown."""
    arithmetic = [
        [threads, f"{speed / 1e9:.1f}"] for threads, speed in record["arithmetic"].items()
    ]
    gathers = [
        [
            f"{one['mebibytes']:g} MiB",
            "read and written" if one["writes"] else "read",
            str(one["threads"]),
            f"{one['rows_per_second'] / 1e6:.1f} M",
            f"{(2 if one['writes'] else 1) * one['rows_per_second'] * 4 * ROW_FLOATS / 1e9:.1f}",
            f"{one['look_ahead']:g}",
        ]
        for one in record["gathers"]
    ]
    stream = [
        [
            "read and written" if one["writes"] else "read",
            str(one["threads"]),
            f"{one['bytes_per_second'] / 1e9:.1f}",
        ]
        for one in record["stream"]
    ]
    training = []
    for one in record["training"]:
        peak = record["arithmetic"][str(one["threads"])]
        roof = nearest_gathers(record, one)
        # A row of other length than the measured ones is as many of them as it has bytes.
        rows = one["rows_per_second"] * one["row_bytes"] / (4 * ROW_FLOATS)
        training.append(
            [
                f"{one['dim']:g}",
                f"{one['threads']:g}",
                f"{one['pool']:g}",
                f"{one['outside_words']:.2f}",
                f"{one['words_per_second'] / 1e6:.2f} M",
                f"{one['centers_per_second'] / 1e6:.2f} M",
                f"{one['operations_per_second'] / 1e9:.1f}",
                f"{100 * one['operations_per_second'] / peak:.0f} %",
                f"{one['rows_per_second'] / 1e6:.1f} M",
                f"{100 * rows / roof['rows_per_second']:.0f} % ({roof['mebibytes']:g} MiB)",
            ]
        )
    text = record["text"]
    return markdown(
        "Roofline",
        record,
        f"Machine: {in_words(record['machine'])}. Registers of {record['register_floats']} "
        f"float32. Text: {text['name']}, {text['tokens']:,} words.",
        "## Arithmetic",
        table(["threads", "GFLOP/s"], arithmetic),
        f"Multiply-adds of float32 in registers, {ACCUMULATORS} in flight, counted as two "
        "operations each.",
        f"## Rows of {4 * ROW_FLOATS} bytes at random places",
        table(["table", "", "threads", "rows/s", "GB/s", "look-ahead"], gathers),
        "All threads share the table. Rows are asked for some rows ahead, as many as serves best.",
        "## Memory in sequence",
        table(["", "threads", "GB/s"], stream),
        "## The training kernel below these roofs",
        table(
            [
                *("dim", "threads", "pool", "outside words", "words/s", "centers/s"),
                *("GFLOP/s", "of the arithmetic", "rows/s", "of the rows"),
            ],
            training,
        ),
        f"Operations: 2 x {PASSES_OVER_A_ROW} x dim for each outside word and each slot of the "
        "pool that a center meets: the score, the gradient of the center, the update of the row; "
        "nothing else is counted, neither the sigmoid nor the padding of rows. Rows: one center "
        "vector and its outside vectors a center, read and written; the pool lives in the nearest "
        "caches. They are compared with the table nearest in size to the two matrices. Each "
        "figure is the best of several repeats.",
    )


def figure(record: dict[str, Any]) -> Any:
    """Draw the roofs, and the kernel below them."""
    from nw2v.plots.figure import BLUE, GREY, INK, ORANGE, dress, new_figure, plain_text

    drawing = new_figure(7.5, 4.6)
    axes = drawing.subplots()
    threads = max(map(int, record["arithmetic"]))
    peak = record["arithmetic"][str(threads)] / 1e9
    points = [one for one in record["training"] if one["threads"] == threads]
    intensity = np.geomspace(0.25, 4 * max(one["operations_per_byte"] for one in points), 200)
    for roof in record["gathers"]:
        if not roof["writes"] or roof["threads"] != threads:
            continue
        bandwidth = 2 * roof["rows_per_second"] * 4 * ROW_FLOATS / 1e9
        axes.plot(intensity, np.minimum(peak, intensity * bandwidth), color=ORANGE, linewidth=1)
        plain_text(
            axes,
            intensity[8],
            intensity[8] * bandwidth * 1.1,
            f"rows in {roof['mebibytes']:g} MiB: {bandwidth:.0f} GB/s",
            fontsize=7,
            color=GREY,
        )
    axes.axhline(peak, color=INK, linewidth=1)
    plain_text(
        axes, intensity[0], peak * 1.06, f"multiply-adds: {peak:.0f} GFLOP/s", fontsize=7, color=INK
    )
    for one in points:
        x, y = one["operations_per_byte"], one["operations_per_second"] / 1e9
        axes.plot([x], [y], "o", color=BLUE)
        plain_text(axes, x * 1.05, y, f"dim {one['dim']:g}", fontsize=8, color=BLUE, va="top")
    axes.set_xscale("log")
    axes.set_yscale("log")
    dress(
        axes,
        f"The training kernel below the machine's roofs, {threads} threads",
        "operations a byte of center and outside vectors moved",
        "GFLOP/s",
    )
    return drawing


def parser() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    add = options.add_argument
    add("--corpus", metavar="FILE", help="text, one sentence a line (default: docstrings)")
    add("--dim", type=int, nargs="+", default=[50, 100, 200, 300])
    add("--window", type=int, default=5)
    add("--negatives", type=int, default=5)
    add("--subsample", type=float, default=1e-4)
    add("--min-count", type=int, default=5)
    add("--threads", type=int, default=available_cores(), help="default: all cores")
    add("--table-mebibytes", type=float, nargs="+", default=[1.0, 27.0, 270.0])
    add("--stream-mebibytes", type=int, default=1024)
    add("--repeats", type=int, default=5, help="the best of so many counts (default: 5)")
    add("--out", metavar="PREFIX", help="writes PREFIX.md, PREFIX.json and PREFIX.png")
    return options


if __name__ == "__main__":
    run_benchmark("roofline", parser(), measure, report, figure)
