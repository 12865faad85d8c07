"""Run a program to its end: when it said what, how long it took, how much memory it held."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

POLL_SECONDS = 0.02


@dataclass(frozen=True)
class Watched:
    """What was seen of a process.

    Attributes
    ----------
    status : int
        Its exit status.
    seconds : float
        From its start to its end.
    lines : list of (float, str)
        What it wrote to standard output and standard error, in the order in which it came, and
        when, in seconds from its start. A carriage return ends a line too.
    peak_mebibytes : float or None
        The largest memory it held; None where the system does not tell.
    """

    status: int
    seconds: float
    lines: list[tuple[float, str]]
    peak_mebibytes: float | None

    @property
    def text(self) -> str:
        """Everything it wrote."""
        return "\n".join(line for _, line in self.lines)


def peak_memory(process: int | str = "self") -> float | None:
    """Largest memory a process held so far, in MiB; None where the system does not tell.

    Linux's getrusage would count what the parent held when it started the process: hence /proc.
    """
    with contextlib.suppress(OSError, ValueError, IndexError):
        status = Path(f"/proc/{process}/status").read_text()
        return int(status.split("VmHWM:")[1].split()[0]) / 1024
    if process == "self" and not Path("/proc/self/status").exists():
        with contextlib.suppress(ImportError):
            import resource

            unit = 2**20 if sys.platform == "darwin" else 2**10
            return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit
    return None


def environment_with(changes: Mapping[str, str | None] | None = None) -> dict[str, str]:
    """Give this process's environment with some changes; None removes a variable.

    A package's modules are kept compiled, as they are for whoever uses it.
    """
    variables = dict(os.environ)
    for name, value in {"PYTHONDONTWRITEBYTECODE": None, **(changes or {})}.items():
        variables.pop(name, None)
        if value is not None:
            variables[name] = value
    return variables


def watch(
    command: Sequence[str], *, folder: Path, environment: Mapping[str, str | None] | None = None
) -> Watched:
    """Run a command in a folder and wait for it.

    Parameters
    ----------
    command : sequence of str
    folder : Path
        Its working directory.
    environment : mapping, optional
        What differs from this process's environment; None removes a variable.
    """
    variables = environment_with(environment)
    start = time.perf_counter()
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=variables,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    assert process.stdout is not None
    lines: list[tuple[float, str]] = []
    descriptor = process.stdout.fileno()

    def read() -> None:
        rest = b""
        while block := os.read(descriptor, 1 << 16):
            now = time.perf_counter() - start
            *whole, rest = (rest + block).replace(b"\r", b"\n").split(b"\n")
            # Programs that overwrite a line begin it with the carriage return: what stands in
            # `rest` is then complete as well, and only its time would come too late.
            for line in (*whole, rest) if b"%" in rest else whole:
                if line.strip():
                    lines.append((now, line.decode("utf-8", "replace").strip()))
            rest = b"" if b"%" in rest else rest
        if rest.strip():
            lines.append((time.perf_counter() - start, rest.decode("utf-8", "replace").strip()))

    reader = threading.Thread(target=read)
    reader.start()
    peak: float | None = None
    while True:
        peak = max(filter(None, (peak, peak_memory(process.pid))), default=None)
        try:
            status = process.wait(POLL_SECONDS)
            break
        except subprocess.TimeoutExpired:
            continue
    seconds = time.perf_counter() - start
    reader.join()
    process.stdout.close()
    return Watched(status, seconds, lines, peak)
