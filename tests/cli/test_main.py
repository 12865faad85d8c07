"""Tests of the top of the command line: finding commands, exit statuses, staying light."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import types
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest

import nw2v
from nw2v import cli
from nw2v.cli import main
from nw2v.errors import InputError, NotAvailableError

HEAVY = ("numba", "mlflow", "hydra", "pandas", "numpy", "scipy", "matplotlib", "pyarrow")


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch) -> Callable[[Callable[[list[str]], int]], None]:
    """Make `nw2v try` call a function."""

    def install(function: Callable[[list[str]], int]) -> None:
        module = types.ModuleType("nw2v.cli.attempt")
        module.run = function  # type: ignore[attr-defined]
        monkeypatch.setitem(sys.modules, "nw2v.cli.attempt", module)
        monkeypatch.setitem(cli.COMMANDS, "try", cli.Command("attempt", "nw2v.cli.attempt"))

    return install


def raising(error: BaseException) -> Callable[[list[str]], int]:
    def run(arguments: list[str]) -> int:
        raise error

    return run


@pytest.mark.parametrize("arguments", [["--help"], ["-h"], ["help"]])
def test_help_lists_every_command(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 0
    text = capsys.readouterr().out
    for name in [*cli.COMMANDS, *cli.PROMISED]:
        assert f"\n  {name} " in text
    assert all(len(line) <= 88 for line in text.splitlines())


def test_without_a_command_help_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    captured = capsys.readouterr()
    assert "usage: nw2v COMMAND" in captured.err and not captured.out


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"nw2v {nw2v.__version__}\n"


COMMANDS_WITHOUT_HYDRA = ["evaluate", "neighbors", "analogy", "export", "sweep", "register", "ui"]


@pytest.mark.parametrize("name", COMMANDS_WITHOUT_HYDRA)
def test_every_command_explains_itself(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([name, "--help"]) == 0
    direct = capsys.readouterr().out
    assert direct.startswith(f"usage: nw2v {name} ")
    assert main(["help", name]) == 0
    assert capsys.readouterr().out == direct


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["trian"], "no command 'trian'; did you mean train?; 'nw2v --help' lists the commands"),
        (["Train"], "no command 'Train'; did you mean train?; 'nw2v --help' lists the commands"),
        (["xyz"], "no command 'xyz'; 'nw2v --help' lists the commands"),
        (["--vesion"], "no option '--vesion'; 'nw2v --help' lists the commands"),
        (
            ["sweep"],
            "the following arguments are required: COMMAND; "
            "'nw2v sweep --help' shows how to call it",
        ),
        (
            ["sweep", "report"],
            "the following arguments are required: PARENT_RUN; "
            "'nw2v sweep report --help' shows how to call it",
        ),
        (["resume", "x"], f"'nw2v resume' is not yet in this version ({nw2v.__version__})"),
        (
            ["neighbors", "x"],
            "the following arguments are required: WORD; "
            "'nw2v neighbors --help' shows how to call it",
        ),
        (
            ["neighbors", "x", "y", "--top", "0"],
            "argument --top: '0' is not a whole number from 1 up; "
            "'nw2v neighbors --help' shows how to call it",
        ),
        (
            ["ui", "--port", "70000"],
            "argument --port: '70000' is not a port, a whole number from 1 to 65535; "
            "'nw2v ui --help' shows how to call it",
        ),
        (["-sc"], "give -sc install=bash (or zsh, fish; uninstall= takes it back)"),
    ],
)
def test_wrong_words_are_one_line_and_status_2(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.err == f"nw2v: error: {message}\n"
    assert not captured.out


@pytest.mark.parametrize(
    ("error", "status", "line"),
    [
        (InputError("first\nsecond"), 2, "nw2v: error: first second"),
        (NotAvailableError("later"), 2, "nw2v: error: later"),
        (
            ZeroDivisionError("by zero"),
            1,
            "nw2v: error: ZeroDivisionError: by zero "
            "(add --traceback, or set NW2V_TRACEBACK=1, to see where)",
        ),
        (
            OSError(28, "No space left on device", "x"),
            1,
            "nw2v: error: OSError: [Errno 28] No space left on device: 'x' "
            "(add --traceback, or set NW2V_TRACEBACK=1, to see where)",
        ),
        (KeyboardInterrupt(), 130, "nw2v: interrupted"),
    ],
)
def test_exit_statuses(
    error: BaseException,
    status: int,
    line: str,
    command: Callable[[Callable[[list[str]], int]], None],
    capsys: pytest.CaptureFixture[str],
) -> None:
    command(raising(error))
    assert main(["try"]) == status
    assert capsys.readouterr().err == f"{line}\n"


@pytest.mark.parametrize("by_variable", [False, True])
def test_traceback_when_asked_for(
    by_variable: bool,
    command: Callable[[Callable[[list[str]], int]], None],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    seen = []

    def run(arguments: list[str]) -> int:
        seen.append(arguments)
        raise InputError("wrong")

    command(run)
    if by_variable:
        monkeypatch.setenv("NW2V_TRACEBACK", "1")
    assert main(["try", "a", *([] if by_variable else ["--traceback"]), "b"]) == 2
    assert seen == [["a", "b"]]
    lines = capsys.readouterr().err.splitlines()
    assert lines[0] == "Traceback (most recent call last):"
    assert lines[-1] == "nw2v: error: wrong"


@pytest.mark.parametrize(
    ("code", "status"), [(None, 0), (0, 0), (3, 3), ("something went wrong", 1)]
)
def test_system_exit_becomes_a_status(
    code: int | str | None, status: int, command: Callable[[Callable[[list[str]], int]], None]
) -> None:
    command(raising(SystemExit(code)))
    assert main(["try"]) == status


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGTERM to catch")
@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_termination_is_an_interruption_and_its_handler_is_put_back(
    name: str, command: Callable[[Callable[[list[str]], int]], None]
) -> None:
    number = getattr(signal, name)

    def run(arguments: list[str]) -> int:
        try:
            os.kill(os.getpid(), number)
            signal.pause()
        finally:
            if name == "SIGHUP":  # Shell and kernel both send it; the second breaks nothing off.
                os.kill(os.getpid(), number)
        return 0

    command(run)
    before = signal.signal(number, signal.SIG_DFL)
    try:
        assert main(["try"]) == 130
        assert signal.getsignal(number) is signal.SIG_DFL
    finally:
        signal.signal(number, before)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGHUP")
def test_an_ignored_hang_up_stays_ignored(
    command: Callable[[Callable[[list[str]], int]], None],
) -> None:
    def run(arguments: list[str]) -> int:
        os.kill(os.getpid(), signal.SIGHUP)
        return 0

    command(run)
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        assert main(["try"]) == 0
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def test_warnings_are_one_line_each(
    command: Callable[[Callable[[list[str]], int]], None], capsys: pytest.CaptureFixture[str]
) -> None:
    def run(arguments: list[str]) -> int:
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            warnings.warn("odd\nfile", UserWarning, stacklevel=1)
        return 0

    command(run)
    before = warnings.showwarning
    assert main(["try"]) == 0
    assert capsys.readouterr().err == "nw2v: warning: odd file\n"
    assert warnings.showwarning is before


@pytest.mark.parametrize("name", list(cli.PROMISED))
def test_what_is_promised_explains_itself(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([name, "--help"]) == 0
    text = capsys.readouterr().out
    assert cli.PROMISED[name].summary in text and "not in this version" in text


@pytest.mark.skipif(sys.platform == "win32", reason="needs a POSIX shell")
@pytest.mark.parametrize(
    ("words", "status", "line"),
    [
        ("--help >&-", 0, ""),
        ("trian 2>&-", 2, ""),
        ("--version >&- 2>&- <&-", 0, ""),
        pytest.param(
            "--help > /dev/full",
            1,
            "nw2v: error: standard output cannot be written: No space left on device\n",
            marks=pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full"),
        ),
    ],
)
@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_output_that_cannot_be_written(words: str, status: int, line: str, unbuffered: str) -> None:
    done = subprocess.run(
        f"'{sys.executable}' -m nw2v {words}",
        shell=True,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONUNBUFFERED": unbuffered},
    )
    assert (done.returncode, done.stderr) == (status, line)


def test_what_cannot_be_encoded_is_escaped() -> None:
    done = run_python(
        """
        import sys, types
        from nw2v import cli
        module = types.ModuleType("nw2v.cli.attempt")
        def run(arguments):
            print("K\u00f6ln \u00b1")
            return 0
        module.run = run
        sys.modules["nw2v.cli.attempt"] = module
        cli.COMMANDS["try"] = cli.Command("", "nw2v.cli.attempt")
        sys.exit(cli.main(["try"]))
        """,
        PYTHONIOENCODING="ascii",
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "K\\xf6ln \\xb1\n", "")


def run_python(code: str, **options: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **options},
    )


@pytest.mark.parametrize(
    "arguments", [["--help"], ["--version"], ["trian"], ["neighbors", "--help"], ["ui", "--help"]]
)
def test_what_needs_nothing_heavy_imports_nothing_heavy(arguments: list[str]) -> None:
    done = run_python(
        f"""
        import sys
        import nw2v, nw2v.cli
        nw2v.cli.main({arguments!r})
        heavy = sorted(set({HEAVY!r}) & set(sys.modules))
        print("HEAVY", heavy)
        """
    )
    assert done.stdout.splitlines()[-1] == "HEAVY []", done.stderr


@pytest.mark.parametrize("command", ["train", "compare"])
def test_hydras_help_imports_neither_compiler_nor_store(command: str) -> None:
    done = run_python(
        f"""
        import sys
        import nw2v, nw2v.cli
        nw2v.cli.main([{command!r}, "--help"])
        heavy = sorted(set({HEAVY!r}) & set(sys.modules) - {{"hydra", "numpy"}})
        print("HEAVY", heavy)
        """
    )
    assert done.stdout.splitlines()[-1] == "HEAVY []", done.stderr


def test_python_m_is_the_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "nw2v", "resume"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert done.stderr.startswith("nw2v: error: 'nw2v resume' is not yet")


@pytest.mark.skipif(sys.platform == "win32", reason="needs a POSIX shell")
def test_a_reader_that_leaves_early_is_no_error(tmp_path: Path) -> None:
    script = tmp_path / "many_lines.py"
    script.write_text(
        textwrap.dedent(
            """
            import sys, types
            from nw2v import cli
            module = types.ModuleType("nw2v.cli.attempt")
            def run(arguments):
                for number in range(100_000):
                    print("line", number)
                return 0
            module.run = run
            sys.modules["nw2v.cli.attempt"] = module
            cli.COMMANDS["try"] = cli.Command("", "nw2v.cli.attempt")
            status = cli.main(["try"])
            print("status", status, file=sys.stderr)
            """
        )
    )
    done = subprocess.run(
        f"'{sys.executable}' '{script}' | head -n 2",
        shell=True,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "line 0\nline 1\n"
    assert done.stderr == "status 0\n"
