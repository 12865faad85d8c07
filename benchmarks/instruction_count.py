"""Machine instructions of a center: a figure that no other load on the machine can change.

    python benchmarks/instruction_count.py             # compares with results/instructions.json
    python benchmarks/instruction_count.py --update    # writes it

A process runs the compiled kernel of negative sampling on a short and on a longer piece of a made
text, whose words are as frequent as those that subsampling keeps of a text by Zipf's law. The
instructions of both are counted, by the CPU's own counter where the system gives it to a
program (most virtual machines do not), else by letting the process do one instruction at a time
(ptrace, Linux alone: some seconds for each count). The difference is what the additional centers
take.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import json
import os
import platform
import signal
import struct
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from reporting import RESULTS, in_words, machine, table
from texts import SENTENCE_LENGTH, zipf_counts

from nw2v.corpus import EncodedText
from nw2v.corpus.subsampling import keep_probabilities
from nw2v.files import write_atomically
from nw2v.jit.registers import LANES

BASELINE = RESULTS / "instructions.json"
LARGEST_GROWTH = 0.05
WORDS, VOCABULARY, SUBSAMPLE = 400_000, 10_000, 1e-4
SHORT, LONG = 8, 16
"""Sentences of the two pieces: 160 and 320 centers, both whole batches."""
WARM_UPS = 30
"""Runs before those that are counted: Python makes its own code faster while it runs."""
SETTINGS = ((50, 5, 5), (100, 5, 5), (300, 5, 5), (100, 20, 5), (100, 5, 15))
"""Dimensions, negatives, window."""

PTRACE_TRACEME, PTRACE_PEEKUSER, PTRACE_SINGLESTEP = 0, 3, 9
INSTRUCTION_POINTER = {"x86_64": 16 * 8}
"""Where the system keeps the address of a stopped process's next instruction."""
PERF_SYSCALL = {"x86_64": 298, "aarch64": 241}
PERF_ENABLE, PERF_DISABLE, PERF_RESET = 0x2400, 0x2401, 0x2403


class NotCountableError(RuntimeError):
    """Raised where the system does not let instructions be counted."""


# --- the process that is counted ----------------------------------------------------------------


class Work:
    """The kernel and its two pieces, ready to run."""

    def __init__(self, dim: int, negatives: int, window: int) -> None:
        from training_kernel import TrainingKernel

        counts = zipf_counts(VOCABULARY, WORDS, 1)
        counts = np.maximum(1, np.round(counts * keep_probabilities(counts, SUBSAMPLE)))
        counts = counts.astype(np.int64)
        tokens = np.repeat(np.arange(VOCABULARY, dtype=np.int32), counts)
        np.random.default_rng(1).shuffle(tokens)
        offsets = np.arange(0, len(tokens), SENTENCE_LENGTH, dtype=np.int64)
        text = EncodedText(tokens[: offsets[-1]], offsets)
        self.kernel = TrainingKernel(
            text, counts, dim=dim, negatives=negatives, window=window, subsample=0.0
        )
        self.workspace = self.kernel.workspace()
        for _ in range(WARM_UPS):
            self.centers = [self.run(last) for last in (SHORT, LONG)]
        gc.collect()
        gc.disable()

    def run(self, last: int) -> int:
        """Train on the first sentences: how many centers they have."""
        return self.kernel.run(0, last, self.workspace)[1]

    def facts(self) -> dict[str, Any]:
        """Tell how many centers the pieces have, and the slots of the pool."""
        return {"centers": self.centers, "pool": self.kernel.pool}


def open_counter() -> int:
    """Open the CPU's counter of this thread's own instructions: a file descriptor."""
    number = PERF_SYSCALL.get(platform.machine())
    if not sys.platform.startswith("linux") or number is None:
        raise OSError("no such system call here")
    # perf_event_attr: hardware event 1, instructions; disabled, without kernel and hypervisor.
    flags = 1 | 1 << 5 | 1 << 6
    attributes = struct.pack("IIQQQQQ", 0, 112, 1, 0, 0, 0, flags).ljust(112, b"\0")
    libc = ctypes.CDLL(None, use_errno=True)
    descriptor = libc.syscall(number, attributes, 0, -1, -1, 0)
    if descriptor < 0:
        error = ctypes.get_errno()
        raise OSError(error, os.strerror(error))
    return int(descriptor)


def counted_by_hardware(work: Work, descriptor: int) -> list[int]:
    """Count both pieces by the CPU's counter."""
    import fcntl

    found = []
    for last in (SHORT, LONG):
        fcntl.ioctl(descriptor, PERF_RESET, 0)
        fcntl.ioctl(descriptor, PERF_ENABLE, 0)
        work.run(last)
        fcntl.ioctl(descriptor, PERF_DISABLE, 0)
        found.append(struct.unpack("Q", os.read(descriptor, 8))[0])
    return found


def child(setting: tuple[int, int, int]) -> None:
    """Run both pieces, with a stop before, between and after them; print what they were."""
    work = Work(*setting)
    facts = work.facts()
    try:
        facts["counts"] = counted_by_hardware(work, open_counter())
    except OSError as error:
        facts["no_counter"] = str(error)
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.ptrace(PTRACE_TRACEME, 0, None, None) != 0:
            facts["no_steps"] = os.strerror(ctypes.get_errno())
        else:
            for last in (SHORT, LONG):
                signal.raise_signal(signal.SIGSTOP)
                work.run(last)
            signal.raise_signal(signal.SIGSTOP)
    print(json.dumps(facts), flush=True)


# --- the process that counts --------------------------------------------------------------------


def made_code(process: int) -> list[tuple[int, int]]:
    """Where code lies that a process has made itself: executable memory of no file."""
    found = []
    for line in Path(f"/proc/{process}/maps").read_text().splitlines():
        addresses, rights, *_, name = [*line.split(maxsplit=5), ""][:6]
        if "x" in rights and not name:
            first, last = (int(address, 16) for address in addresses.split("-"))
            found.append((first, last))
    return found


def steps_between_stops(process: int) -> list[int]:
    """Let a traced process do one instruction at a time: compiled instructions between its stops.

    What Python does around the kernel, and differs from one process to the next, is not counted
    where the system tells at which instruction a process stands.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    step = libc.ptrace
    step.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
    step.restype = ctypes.c_long
    pointer = INSTRUCTION_POINTER.get(platform.machine())
    counts: list[int] = []
    count, code = 0, None
    while True:
        _, status = os.waitpid(process, 0)
        if not os.WIFSTOPPED(status):
            raise NotCountableError("the process that was to be counted ended early")
        delivered = os.WSTOPSIG(status)
        if delivered == signal.SIGSTOP:
            counts.append(count)
            if len(counts) == 3:
                step(17, process, None, None)  # PTRACE_DETACH: it goes on by itself
                return counts[1:]
            count = 0
            code = made_code(process)
        passed_on = None if delivered in (signal.SIGSTOP, signal.SIGTRAP) else delivered
        at = None if pointer is None else step(PTRACE_PEEKUSER, process, pointer, None)
        if at is None or code is None or any(first <= at < last for first, last in code):
            count += 1
        if step(PTRACE_SINGLESTEP, process, None, passed_on) != 0:
            raise NotCountableError(f"cannot go by single steps: {os.strerror(ctypes.get_errno())}")


def count(setting: tuple[int, int, int]) -> dict[str, Any]:
    """Count the instructions of a center under a setting (dim, negatives, window)."""
    if not sys.platform.startswith("linux"):
        raise NotCountableError("single steps of another process are implemented for Linux alone")
    command = [sys.executable, str(Path(__file__).resolve()), "--child", *map(str, setting)]
    environment = {**os.environ, "PYTHONHASHSEED": "0"}
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment)
    assert process.stdout is not None
    try:
        counts: list[int] | None = None
        # Stopped or ended: where the CPU's counter is open to it, it never stops.
        stopped = os.waitid(os.P_PID, process.pid, os.WEXITED | os.WSTOPPED | os.WNOWAIT)
        if stopped is not None and stopped.si_code in (os.CLD_TRAPPED, os.CLD_STOPPED):
            counts = steps_between_stops(process.pid)
        output, _ = process.communicate()
    except BaseException:
        process.kill()
        process.wait()
        raise
    if not output.strip():
        raise NotCountableError("the process that was to be counted ended with an error")
    facts = json.loads(output)
    if "no_steps" in facts:
        raise NotCountableError(
            f"neither the CPU's counter ({facts['no_counter']}) nor single steps "
            f"({facts['no_steps']}) are open to programs here"
        )
    counts = facts.get("counts", counts)
    assert counts is not None
    centers = facts["centers"][1] - facts["centers"][0]
    return {
        "instructions_per_center": round((counts[1] - counts[0]) / centers, 1),
        "pool": facts["pool"],
        "by": "the CPU's counter" if "counts" in facts else "single steps",
    }


# --- the command --------------------------------------------------------------------------------


def name_of(setting: tuple[int, int, int]) -> str:
    dim, negatives, window = setting
    return f"dim {dim}, K {negatives}, window {window}"


def architecture() -> str:
    """Name what instructions are counted of: code differs between widths of registers."""
    return f"{platform.machine()}, registers of {LANES} floats"


def read_baseline(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text())) if path.is_file() else {}


def growth(now: float, before: float | None) -> str:
    return "" if before is None else f"{100 * (now / before - 1):+.1f} %"


def parser() -> argparse.ArgumentParser:
    options = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    options.add_argument("--update", action="store_true", help="write what was counted")
    options.add_argument("--baseline", type=Path, default=BASELINE, metavar="FILE")
    options.add_argument("--setting", type=int, nargs=3, metavar=("DIM", "K", "WINDOW"))
    options.add_argument("--child", type=int, nargs=3, help=argparse.SUPPRESS)
    return options


def main(words: Sequence[str] | None = None) -> int:
    arguments = parser().parse_args(words)
    if arguments.child:
        child(tuple(arguments.child))
        return 0
    settings = [tuple(arguments.setting)] if arguments.setting else list(SETTINGS)
    stored = read_baseline(arguments.baseline)
    before = stored.get(architecture(), {}).get("counted", {})
    found: dict[str, Any] = {}
    for setting in settings:
        try:
            found[name_of(setting)] = count(setting)
        except NotCountableError as error:
            print(f"instruction_count: cannot count here: {error}", file=sys.stderr)
            return 3
    old = {name: before[name]["instructions_per_center"] for name in found if name in before}
    rows = [
        [
            name,
            str(one["pool"]),
            f"{one['instructions_per_center']:,.0f}",
            f"{old[name]:,.0f}" if name in old else "",
            growth(one["instructions_per_center"], old.get(name)),
        ]
        for name, one in found.items()
    ]
    by = sorted({one["by"] for one in found.values()})
    print(f"{architecture()}; counted by {' and '.join(by)}\n")
    print(table(["", "pool", "instructions a center", "before", "change"], rows))
    if arguments.update:
        counted = {**before, **found}
        stored[architecture()] = {"machine": machine(), "counted": counted}
        stored[architecture()]["machine"].pop("load_before", None)
        arguments.baseline.parent.mkdir(parents=True, exist_ok=True)
        with write_atomically(arguments.baseline, "w") as file:
            file.write(json.dumps(stored, indent=1) + "\n")
        print(f"\nWritten to {arguments.baseline}")
        return 0
    if not old:
        print(f"\nNothing to compare with: {arguments.baseline.name} has no counts of this kind.")
        return 0
    print(f"\nBefore: {in_words(stored[architecture()]['machine'])}.")
    worse = [
        name
        for name, value in old.items()
        if found[name]["instructions_per_center"] > (1 + LARGEST_GROWTH) * value
    ]
    if worse:
        print(
            f"More than {100 * LARGEST_GROWTH:g} % more instructions: {'; '.join(worse)}",
            file=sys.stderr,
        )
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
