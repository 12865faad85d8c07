"""The command `nw2v`: finds the command that was meant and turns errors into exit statuses.

Nothing heavy is imported here: each command's module is imported when it is called.
"""

from __future__ import annotations

import importlib
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

from nw2v import __version__
from nw2v.cli.suggestions import did_you_mean
from nw2v.errors import InputError, NotAvailableError

__all__ = ["main"]

DONE, FAILED, WRONG_INPUT, INTERRUPTED = 0, 1, 2, 130


@dataclass(frozen=True)
class Command:
    """A command, what it does in one line, and the module whose function `run` does it."""

    summary: str
    module: str | None
    function: str = "run"


COMMANDS = {
    "train": Command("train word vectors on a text; with -m a sweep", "nw2v.cli.train"),
    "evaluate": Command("score a model on analogies and word similarity", "nw2v.cli.evaluate"),
    "neighbors": Command("the words nearest to some words", "nw2v.cli.queries", "neighbors"),
    "analogy": Command("A is to B as C is to ?", "nw2v.cli.queries", "analogy"),
    "export": Command(
        "write the vectors as .txt, .bin, .safetensors or .parquet", "nw2v.cli.export"
    ),
    "ui": Command("open MLflow's pages on the runs", "nw2v.cli.ui"),
}
PROMISED = {
    "compare": Command("both losses side by side on the same text", None),
    "sweep": Command("a finished sweep's table and figures (sweep report)", None),
    "register": Command("log a run's vectors as an MLflow model", None),
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
        1 any other failure; 130 interrupted, by the keyboard or by SIGTERM.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    show_traceback = os.environ.get("NW2V_TRACEBACK") == "1"
    if "--traceback" in arguments:
        arguments.remove("--traceback")
        show_traceback = True
    try:
        with _sigterm_interrupts():
            status = _dispatch(arguments)
            sys.stdout.flush()
        return status
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
    except Exception as error:
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
    except BrokenPipeError:
        _discard_output()


def _discard_output() -> None:
    """Point the streams whose reader has gone at nothing."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except BrokenPipeError:
            os.dup2(nowhere, stream.fileno())
        except ValueError:  # closed
            continue
    os.close(nowhere)


@contextmanager
def _sigterm_interrupts() -> Iterator[None]:
    """Treat SIGTERM like the keyboard's interrupt, so that what was learnt is saved."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def interrupt(number: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt("terminated")

    previous = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, previous)
