"""What a run came from: the code's version, the command, the user."""

from __future__ import annotations

import getpass
import os
import subprocess
import sys
from pathlib import Path


def source_tags(directory: Path) -> dict[str, str]:
    """Return the tags by which MLflow shows the source of a run.

    Parameters
    ----------
    directory : Path
        The working directory; if it lies in a git checkout, the commit is read from there, and
        whether tracked files differ from it.
    """
    tags = {
        "mlflow.source.name": _command(),
        "mlflow.source.type": "LOCAL",
        "mlflow.user": _user(),
    }
    if commit := _git(directory, "rev-parse", "--verify", "HEAD"):
        tags["mlflow.source.git.commit"] = commit
        changes = _git(directory, "status", "--porcelain", "--untracked-files=no")
        if changes is not None:
            tags["mlflow.source.git.dirty"] = "true" if changes else "false"
    return tags


def _git(directory: Path, *arguments: str) -> str | None:
    """Return what a git command prints, None if there is no git or nothing to tell."""
    try:
        answer = subprocess.run(
            ["git", *arguments],
            cwd=directory,
            capture_output=True,
            text=True,
            encoding="utf-8",
            errors="replace",
            timeout=5,
            check=False,
            # Asking must not take the index's lock from a git command that the user runs.
            env={**os.environ, "GIT_OPTIONAL_LOCKS": "0"},
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return answer.stdout.strip() if answer.returncode == 0 else None


def _command() -> str:
    # Empty in an interactive session, "-c" for code on the command line.
    return sys.argv[0] if sys.argv and sys.argv[0] else "<console>"


def _user() -> str:
    if name := os.environ.get("MLFLOW_TRACKING_USERNAME"):
        return name
    try:
        return getpass.getuser()
    except (ImportError, KeyError, OSError):
        return "unknown"
