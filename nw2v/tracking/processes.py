"""Which process a run belongs to, and whether that process still exists."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import uuid
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

HOST_TAG = "nw2v.host"
PROCESS_TAG = "nw2v.pid"
STARTED_TAG = "nw2v.process_started"
MACHINE_TAG = "nw2v.machine"


def process_tags() -> dict[str, str]:
    """Return the tags by which a later start can tell whether this process still exists."""
    return {
        HOST_TAG: host(),
        MACHINE_TAG: _machine(),
        PROCESS_TAG: str(os.getpid()),
        STARTED_TAG: _started(os.getpid()) or "",
    }


def host() -> str:
    """Return the name of this machine in the network."""
    import socket

    return socket.gethostname() or "unknown"


def has_vanished(tags: Mapping[str, str]) -> bool:
    """Return whether the process that `process_tags` described is surely gone.

    Processes of other machines and containers cannot be seen from here: never gone. Process
    numbers are used again, so the moment of the process's start has to agree as well.
    """
    if tags.get(HOST_TAG) != host() or tags.get(MACHINE_TAG) != _machine():
        return False
    number = tags.get(PROCESS_TAG, "")
    if not number.isdecimal():
        return False
    pid = int(number)
    if not _exists(pid):
        return True
    then, now = tags.get(STARTED_TAG), _started(pid)
    return bool(then) and now is not None and then != now


@lru_cache(maxsize=1)
def _machine() -> str:
    """Return a mark of this machine, and of this container: two may have the same host name."""
    marks = []
    for path in ("/etc/machine-id", "/var/lib/dbus/machine-id"):
        try:
            marks.append(Path(path).read_text(encoding="ascii").strip())
            break
        except (OSError, ValueError):
            continue
    else:
        marks.append(f"{uuid.getnode():012x}")
    try:
        marks.append(str(Path("/proc/self/ns/pid").readlink()))
    except OSError:
        marks.append(sys.platform)
    return hashlib.sha256("\n".join(marks).encode()).hexdigest()[:16]


def _exists(pid: int) -> bool:
    if sys.platform == "win32":
        return _started_on_windows(pid) is not None
    try:
        os.kill(pid, 0)  # Signal 0 only asks.
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return not _is_zombie(pid)


def _is_zombie(pid: int) -> bool:
    """Return whether the process has ended and only its entry waits for the parent to read it."""
    fields = _proc_stat(pid)
    return fields is not None and fields[0] in ("Z", "X")


def _proc_stat(pid: int) -> list[str] | None:
    """Return Linux's /proc/PID/stat from the third field (the state) on."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    # The second field, the name in brackets, may hold blanks and brackets.
    return text.rpartition(")")[2].split()


def _started(pid: int) -> str | None:
    """Return a text that differs between two processes that had the same number, None: unknown."""
    if sys.platform == "win32":
        return _started_on_windows(pid)
    fields = _proc_stat(pid)
    if fields is not None and len(fields) > 19:
        try:
            boot = Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii")[:8]
        except (OSError, ValueError):
            boot = ""
        return f"{boot}+{fields[19]}"  # Clock ticks since the machine was started.
    try:
        command = ["ps", "-o", "lstart=", "-p", str(pid)]
        answer = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=5,
            check=False,
            env={**os.environ, "LC_ALL": "C", "TZ": "UTC"},
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return " ".join(answer.stdout.split()) or None


def _started_on_windows(pid: int) -> str | None:
    """Return the moment a running process was created, None if there is no such process."""
    if sys.platform != "win32":
        return None
    import ctypes
    from ctypes import wintypes

    kernel = ctypes.WinDLL("kernel32", use_last_error=True)
    query_limited_information, still_active, access_denied = 0x1000, 259, 5
    kernel.OpenProcess.restype = wintypes.HANDLE
    handle = kernel.OpenProcess(query_limited_information, False, pid)
    if not handle:
        # A process that may not be looked at does exist.
        return "" if ctypes.get_last_error() == access_denied else None
    try:
        code = wintypes.DWORD()
        kernel.GetExitCodeProcess(wintypes.HANDLE(handle), ctypes.byref(code))
        if code.value != still_active:
            return None
        times = [wintypes.FILETIME() for _ in range(4)]
        kernel.GetProcessTimes(wintypes.HANDLE(handle), *(ctypes.byref(time) for time in times))
        return f"{times[0].dwHighDateTime:08x}{times[0].dwLowDateTime:08x}"
    finally:
        kernel.CloseHandle(wintypes.HANDLE(handle))
