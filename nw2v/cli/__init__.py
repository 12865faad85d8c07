"""The command `nw2v`: finds the command that was meant and turns errors into exit statuses.

Nothing heavy is imported here: each command's module is imported when it is called.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import os
import signal
import sys
import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import FrameType
from typing import Any, TextIO

from nw2v import __version__
from nw2v.cli.suggestions import did_you_mean
from nw2v.errors import FailedJobsError, InputError, NotAvailableError
from nw2v.interrupts import forget_interrupts, interrupts_as_such, note_interrupt

__all__ = ["main"]

DONE, FAILED, WRONG_INPUT, INTERRUPTED = 0, 1, 2, 130

# Control characters but tab and line feed, and those that turn the direction of a line.
_STEERING = (range(9), range(11, 32), range(127, 160), range(0x202A, 0x202F), range(0x2066, 0x206A))
_ESCAPES = {code: repr(chr(code))[1:-1] for codes in _STEERING for code in codes}


@dataclass(frozen=True)
class Command:
    """A command, what it does in one line, and the module whose function `run` does it."""

    summary: str
    module: str | None
    function: str = "run"


COMMANDS = {
    "train": Command("train word vectors on a text; with -m a sweep", "nw2v.cli.train"),
    "compare": Command(
        "both losses on the same text and seeds, and how they differ", "nw2v.cli.compare"
    ),
    "evaluate": Command("score a model on analogies and word similarity", "nw2v.cli.evaluate"),
    "neighbors": Command("the words nearest to some words", "nw2v.cli.queries", "neighbors"),
    "analogy": Command("A is to B as C is to ?", "nw2v.cli.queries", "analogy"),
    "export": Command(
        "write the vectors as .txt, .vec, .bin, .safetensors or .parquet", "nw2v.cli.export"
    ),
    "sweep": Command("a sweep's table, figures and report (sweep report)", "nw2v.cli.sweep"),
    "register": Command("log a run's vectors as an MLflow model", "nw2v.cli.register"),
    "ui": Command("open MLflow's pages on the runs", "nw2v.cli.ui"),
}
PROMISED = {
    "resume": Command("go on with an interrupted run", None),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status.

    Parameters
    ----------
    argv : sequence of str, optional
        The words after `nw2v`; by default those of the process.

    Returns
    -------
    int
        0 done; 2 the input or the configuration is wrong (one line on standard error);
        1 any other failure; 130 interrupted, by the keyboard, SIGTERM or a closed terminal.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    show_traceback = os.environ.get("NW2V_TRACEBACK") == "1"
    if "--traceback" in arguments:
        arguments.remove("--traceback")
        show_traceback = True
    _open_output()
    # Else Python looks at every object several times while it ends: half a second after MLflow.
    atexit.unregister(gc.freeze)
    atexit.register(gc.freeze)
    with _short_warnings(), _watched_output() as output:
        return _flushed(output, _status(arguments, show_traceback, output))


def _status(arguments: list[str], show_traceback: bool, output: _WatchedOutput) -> int:
    try:
        with _termination_interrupts(), interrupts_as_such():
            return _dispatch(arguments)
    except SystemExit as end:  # argparse and Hydra after printing help
        return end.code if isinstance(end.code, int) else (DONE if end.code is None else FAILED)
    except BrokenPipeError:
        # The reader, such as `head`, has seen enough. Python would complain again when it closes
        # its output at the end of the process.
        _discard_output()
        return DONE
    except KeyboardInterrupt as error:
        _complain("interrupted", error, show_traceback)
        return INTERRUPTED
    except InputError as error:
        _complain(f"error: {error}", error, show_traceback)
        return WRONG_INPUT
    except FailedJobsError as error:
        _complain(f"error: {error}", error, show_traceback)
        return FAILED
    except Exception as error:
        if error is output.problem:
            return DONE  # All that failed was printing, which is told at the end.
        text = f"error: {type(error).__name__}: {error}"
        if not show_traceback:
            text += " (add --traceback, or set NW2V_TRACEBACK=1, to see where)"
        _complain(text, error, show_traceback)
        return FAILED


def _dispatch(arguments: list[str]) -> int:
    if not arguments:
        print(help_text(), file=sys.stderr)
        return WRONG_INPUT
    name, rest = arguments[0], arguments[1:]
    if name == "help" and rest:
        name, rest = rest[0], ["--help"]
    if name in ("-h", "--help", "help"):
        print(help_text())
        return DONE
    if name in ("-V", "--version"):
        print(f"nw2v {__version__}")
        return DONE
    if name in ("-sc", "--shell-completion"):
        from nw2v.cli.completion import complete

        return complete(rest, sorted(COMMANDS))
    if name in PROMISED:
        if {"-h", "--help"} & set(rest):
            print(
                f"nw2v {name}: {PROMISED[name].summary}. "
                f"Planned; not in this version ({__version__})."
            )
            return DONE
        raise NotAvailableError(f"'nw2v {name}' is not yet in this version ({__version__})")
    if name not in COMMANDS:
        kind = "option" if name.startswith("-") else "command"
        hint = did_you_mean(name, [*COMMANDS, *PROMISED], case_sensitive=False)
        raise InputError(f"no {kind} '{name}'{hint}; 'nw2v --help' lists the commands")
    command = COMMANDS[name]
    assert command.module is not None
    run = getattr(importlib.import_module(command.module), command.function)
    status: int = run(rest)
    return status


def help_text() -> str:
    """Return what `nw2v --help` prints."""
    width = max(map(len, [*COMMANDS, *PROMISED]))
    lines = [
        "nw2v, the laboratory for word2vec: skip-gram word vectors with naive softmax and",
        "negative sampling.",
        "",
        "usage: nw2v COMMAND ...",
        "",
        "commands:",
        *(f"  {name:{width}}  {command.summary}" for name, command in COMMANDS.items()),
        "",
        "not yet in this version:",
        *(f"  {name:{width}}  {command.summary}" for name, command in PROMISED.items()),
        "",
        "options:",
        "  --help         this text; 'nw2v COMMAND --help' explains a command",
        "  --version      the version of nw2v",
        "  --traceback    a full traceback when something fails (also NW2V_TRACEBACK=1)",
        '  -sc install=bash    tab completion: eval "$(nw2v -sc install=bash)"',
        "",
        "first steps:",
        "  nw2v train                                 train on a text that needs no network",
        "  nw2v train corpus=file corpus.path=my.txt  train on your own, one sentence a line",
        "  nw2v neighbors outputs/DATE/TIME array     ask the vectors of a run",
        "  nw2v ui                                    look at all runs in a browser",
    ]
    return "\n".join(lines)


def _complain(text: str, error: BaseException, show_traceback: bool) -> None:
    """Print one line on standard error, under a traceback if one is wanted."""
    try:
        if show_traceback:
            import traceback

            traceback.print_exception(error)
        print(f"nw2v: {' '.join(text.split())}", file=sys.stderr, flush=True)
    except OSError:
        _discard_output()


def _open_output() -> None:
    """Make sure that there are output streams, and that they can hold every character."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            # Closed by the caller (`>&-`). Opening takes the number that the stream had, which
            # the next file would get otherwise, and with it whatever a library prints.
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115, PTH123
        elif hasattr(stream, "reconfigure"):
            with suppress(OSError, ValueError):
                stream.reconfigure(errors="backslashreplace")


class _WatchedOutput:
    """Standard output that remembers why it could not be written.

    Words may come from a stranger's file: what would steer a terminal is written as an escape.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.problem: OSError | None = None

    def write(self, text: str) -> int:
        with self._watched():
            return self._stream.write(text.translate(_ESCAPES))

    def flush(self) -> None:
        with self._watched():
            self._stream.flush()

    @contextmanager
    def _watched(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            self.problem = error
            raise

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@contextmanager
def _watched_output() -> Iterator[_WatchedOutput]:
    before, watched = sys.stdout, _WatchedOutput(sys.stdout)
    sys.stdout = watched
    try:
        yield watched
    finally:
        sys.stdout = before


def _flushed(output: _WatchedOutput, status: int) -> int:
    """Write what is left in standard output; return the exit status, 1 if that cannot be done."""
    with suppress(OSError, ValueError):  # ValueError: closed
        output.flush()
    problem = output.problem
    if problem is None:
        return status
    # Python would complain again when it closes its output at the end of the process.
    _discard_output()
    if isinstance(problem, BrokenPipeError):  # The reader, such as `head`, has seen enough.
        return status
    _complain(
        f"error: standard output cannot be written: {problem.strerror or problem}", problem, False
    )
    return status or FAILED


def _discard_output() -> None:
    """Point the streams that can no longer be written at nothing."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            os.dup2(nowhere, stream.fileno())
        except ValueError:  # closed
            continue
    os.close(nowhere)


@contextmanager
def _short_warnings() -> Iterator[None]:
    """Show Python's warnings as one line for users, without the line of our source."""

    def show(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        with suppress(OSError):
            text = " ".join(str(message).split())
            print(f"nw2v: warning: {text}", file=file or sys.stderr, flush=True)

    before = warnings.showwarning
    warnings.showwarning = show
    try:
        yield
    finally:
        warnings.showwarning = before


@contextmanager
def _termination_interrupts() -> Iterator[None]:
    """Treat SIGTERM and a closed terminal (SIGHUP) like the keyboard's interrupt; note them all.

    So what was learnt is saved. A hang-up that is ignored already (`nohup`) stays ignored.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    terminals = [stream for stream in (sys.stdout, sys.stderr) if stream.isatty()]

    def interrupt(number: int, frame: FrameType | None) -> None:
        note_interrupt()
        if number == signal.SIGINT:
            raise KeyboardInterrupt
        if number != signal.SIGTERM:
            # The shell and the kernel both send it: the second must not break off the saving.
            signal.signal(number, signal.SIG_IGN)
            _point_at_nothing(terminals)
        raise KeyboardInterrupt("terminated")

    numbers = [signal.SIGTERM]
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        numbers.append(signal.SIGINT)
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) not in (signal.SIG_IGN, None):
        numbers.append(signal.SIGHUP)
    previous = {number: signal.signal(number, interrupt) for number in numbers}
    try:
        yield
    finally:
        for number, handler in previous.items():
            signal.signal(number, handler)
        forget_interrupts()


def _point_at_nothing(streams: Sequence[TextIO]) -> None:
    """Let streams whose terminal has gone be written all the same."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in streams:
        with suppress(OSError, ValueError):
            os.dup2(nowhere, stream.fileno())
    os.close(nowhere)
