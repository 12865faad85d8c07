"""MLflow's UI on the store that the runs went to."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import webbrowser
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from nw2v.errors import InputError
from nw2v.tracking.server_pages import experiment_url, find_experiment, find_run, newest_run
from nw2v.tracking.store import server_problem
from nw2v.tracking.store_address import (
    artifact_folder,
    is_server,
    readable,
    resolve_uri,
    sqlite_file,
)

DEFAULT_PORT = 5000  # MLflow's own.
# The server takes about ten seconds on two cores; a loaded machine may need many times that.
_START_SECONDS = 180.0
_STOP_SECONDS = 10.0


def build_ui_command(uri: str, port: int, host: str = "127.0.0.1") -> list[str]:
    """Return the command that serves a store: MLflow's own server, one process, this machine only.

    Parameters
    ----------
    uri : str
        A store without a server, as `nw2v.tracking.store_address.resolve_uri` gives it.
    port, host
        Where the server listens.
    """
    command = [sys.executable, "-m", "mlflow", "server", "--backend-store-uri", uri]
    if folder := artifact_folder(uri):
        # Where the server puts artifacts that others send it; those of our runs have absolute
        # addresses of their own. Left out, it would be a folder in the working directory.
        command += ["--serve-artifacts", "--artifacts-destination", folder.as_uri()]
    return [*command, "--host", host, "--port", str(port), "--workers", "1"]


def ui_environment() -> dict[str, str]:
    """Return the server's environment: without job execution it starts three times as fast."""
    quiet = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true"}
    return {**quiet, **os.environ}


def run_ui(
    uri: str | None = None,
    *,
    port: int | None = None,
    host: str = "127.0.0.1",
    run: str | None = None,
    experiment: str | None = None,
    in_browser: bool = False,
    tell: Callable[[str], None] = print,
) -> int:
    """Serve the UI until Ctrl-C; for a store that is a server, say which address to open.

    Parameters
    ----------
    uri : str, optional
        The store, as in `nw2v.tracking.store_address.resolve_uri`.
    port : int, optional
        The port to listen on. If not given: 5000, or the next one that is free.
    host : str
        The address to listen on; 0.0.0.0 or :: for all of this machine's.
    run : str, optional
        The run whose page is shown, by id, name or output folder. If not given, the experiment's
        page is, and its newest run's is named as well.
    experiment : str, optional
        The experiment whose page is shown, as in `nw2v.tracking.store_address.resolve_experiment`.
    in_browser : bool
        Open the page in the user's browser too.
    tell : callable
        Takes each line for the user.

    Returns
    -------
    int
        Exit status: 0 when ended by Ctrl-C, 1 if the server failed.

    Raises
    ------
    InputError
        If there is no store yet, no such run, or the port is taken.
    """
    uri = resolve_uri(uri)
    if is_server(uri):
        _tell_remote(uri, run, experiment, in_browser, tell)
        return 0
    if uri.startswith("databricks"):
        raise InputError(f"the runs are at {uri}: open the Databricks workspace in a browser")
    file = sqlite_file(uri)
    if file is not None and not file.is_file():
        raise InputError(
            f"there is no MLflow store {file}: train first ('nw2v train'), go to the folder in "
            "which you trained, or name the store in MLFLOW_TRACKING_URI"
        )
    port = _choose_port(host, port)
    server = f"http://{_reachable(host)}:{port}"
    tell(f"Starting MLflow's UI on {readable(uri)} (some ten seconds) ...")
    with tempfile.TemporaryFile(mode="w+", encoding="utf-8", errors="replace") as log:
        command = build_ui_command(uri, port, host)
        directory = Path.cwd() if file is None else file.parent
        with _running(command, directory, log) as process:
            try:
                if not _wait_until_up(process, server):
                    tell(f"MLflow's server did not start:\n{_last_lines(log)}")
                    return 1
                _show(server, run, experiment, in_browser, tell)
                tell("Ctrl-C ends it.")
                process.wait()
            except KeyboardInterrupt:
                return 0
        tell(f"MLflow's server ended by itself:\n{_last_lines(log)}")
        return 1


def _tell_remote(
    uri: str,
    run: str | None,
    experiment: str | None,
    in_browser: bool,
    tell: Callable[[str], None],
) -> None:
    tell("The runs are on a server.")
    if problem := server_problem(uri):
        tell(f"Open {experiment_url(uri)}\n(It does not work at the moment: {problem}.)")
    else:
        _show(uri, run, experiment, in_browser, tell)


def _show(
    server: str,
    run: str | None,
    experiment: str | None,
    in_browser: bool,
    tell: Callable[[str], None],
) -> None:
    """Say which page to open, and open it if that is wanted."""
    if run is not None:
        address = find_run(server, run)
        tell(f"Open {address}")
    else:
        identifier = find_experiment(server, experiment)
        address = experiment_url(server, identifier)
        tell(f"Open {address}")
        if newest := newest_run(server, identifier):
            tell(f"newest run: {newest}")
    if in_browser and not webbrowser.open(address):
        tell("(No browser could be started: open the page yourself.)")


def _reachable(host: str) -> str:
    """Return the host as it is written in an address that a browser on this machine can open."""
    if host in ("0.0.0.0", "::", ""):
        return "127.0.0.1" if host != "::" else "[::1]"
    return f"[{host}]" if ":" in host else host


def _choose_port(host: str, port: int | None) -> int:
    """Return a port that is free: the one wanted, or the next where none was asked for."""
    wanted = DEFAULT_PORT if port is None else port
    if not 1 <= wanted <= 65535:
        raise InputError(f"--port {wanted} is not between 1 and 65535")
    if _is_free(host, wanted):
        return wanted
    free = next((p for p in range(wanted + 1, min(wanted + 200, 65536)) if _is_free(host, p)), None)
    if port is None and free is not None:
        return free
    advice = "" if free is None else f": the next free one is {free}, 'nw2v ui --port {free}'"
    raise InputError(f"port {wanted} of {host} is taken{advice}")


def _is_free(host: str, port: int) -> bool:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        if os.name != "nt":  # On Windows the option means that a taken port may be taken again.
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
        except PermissionError:
            raise InputError(
                f"port {port} may not be used by this user: take one above 1023"
            ) from None
        except OSError:
            return False
    return True


@contextmanager
def _running(
    command: Sequence[str], directory: Path, log: IO[str]
) -> Iterator[subprocess.Popen[str]]:
    """Run a command in a process group of its own and end the whole group when left."""
    group: dict[str, Any] = {"start_new_session": True}
    if sys.platform == "win32":
        group = {"creationflags": subprocess.CREATE_NEW_PROCESS_GROUP}
    before = _end_on_termination()
    process = subprocess.Popen(
        command,
        cwd=directory,
        env=ui_environment(),
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        text=True,
        **group,
    )
    try:
        yield process
    finally:
        if threading.current_thread() is threading.main_thread():
            # An impatient second Ctrl-C must not break off the ending.
            before[signal.SIGINT] = signal.signal(signal.SIGINT, signal.SIG_IGN)
        _end_group(process)
        for number, handler in before.items():
            signal.signal(number, handler)


def _end_on_termination() -> dict[int, Any]:
    """Let SIGTERM and a closed terminal end the server as well; return their old handlers."""

    def interrupt(number: int, frame: object) -> None:
        if number != signal.SIGTERM:
            # The shell and the kernel both send it: the second must not break off the ending.
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    if threading.current_thread() is not threading.main_thread():
        return {}  # Signals go to another thread.
    numbers = [signal.SIGTERM]
    if hasattr(signal, "SIGHUP") and signal.getsignal(signal.SIGHUP) not in (signal.SIG_IGN, None):
        numbers.append(signal.SIGHUP)
    return {number: signal.signal(number, interrupt) for number in numbers}


def _end_group(process: subprocess.Popen[str]) -> None:
    """End a process and all that it started: politely, then firmly."""
    if sys.platform == "win32":
        if process.poll() is None:
            process.send_signal(signal.CTRL_BREAK_EVENT)
            with suppress(subprocess.TimeoutExpired):
                process.wait(_STOP_SECONDS)
        subprocess.run(
            ["taskkill", "/F", "/T", "/PID", str(process.pid)], capture_output=True, check=False
        )
        return
    _signal_group(process.pid, signal.SIGTERM)
    deadline = time.monotonic() + _STOP_SECONDS
    while _signal_group(process.pid, 0) and time.monotonic() < deadline:
        process.poll()  # Reads the exit status, without which the group goes on existing.
        time.sleep(0.05)
    _signal_group(process.pid, signal.SIGKILL)
    process.wait()


def _signal_group(group: int, number: int) -> bool:
    """Send a signal to a group of processes; return whether any of them still exists."""
    if sys.platform == "win32":
        return False
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def _wait_until_up(process: subprocess.Popen[str], server: str) -> bool:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        if server_problem(server, seconds=2) is None:
            return True
        time.sleep(0.2)
    return False


def _last_lines(log: IO[str], count: int = 15) -> str:
    log.seek(0)
    return "\n".join(log.read().splitlines()[-count:])
