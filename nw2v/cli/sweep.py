"""`nw2v sweep report`: a sweep's table, figures and report, made again at any time."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from nw2v.cli.arguments import ArgumentParser
from nw2v.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

SUBCOMMANDS = ("report",)


def run(arguments: Sequence[str]) -> int:
    """Do what the word after `nw2v sweep` says."""
    parser = ArgumentParser(
        prog="nw2v sweep", description="Read the sweeps that 'nw2v train -m' has made."
    )
    commands = parser.add_subparsers(metavar="COMMAND", required=True, parser_class=ArgumentParser)
    report = commands.add_parser(
        "report",
        help="a sweep's table, figures and report",
        description="Rank the jobs of a sweep, draw its figures and write its report; also while "
        "the sweep is still going on. If the sweep was tracked, all of it is logged to its parent "
        "run again.",
    )
    report.add_argument(
        "sweep", metavar="PARENT_RUN", help="the sweep's folder, or its parent run's MLflow id"
    )
    report.add_argument(
        "--output",
        type=Path,
        metavar="FOLDER",
        help="where to write (default: the sweep's folder; if there is none on this machine, "
        "sweep-ID here)",
    )
    report.add_argument(
        "--uri",
        metavar="URI",
        help="the store of the runs (default: the one that the sweep's folder names, else "
        "MLFLOW_TRACKING_URI, else mlflow.db in this folder)",
    )
    options = parser.parse_args(arguments)
    return _report(options.sweep, options.output, options.uri)


def _report(sweep: str, output: Path | None, uri: str | None) -> int:
    from nw2v.sweeps import conclusions, load, ranked, write_report
    from nw2v.sweeps.terminal import table_text

    frame = load(sweep, uri=uri)
    folder = output or _own_folder(frame)
    written = write_report(frame, folder)
    print(table_text(ranked(frame)), end="\n\n")
    for line in conclusions(frame):
        print(line)
    print(f"\nreport      {folder / 'report.html'}")
    if frame.attrs["parent_run"]:
        _log(frame, written, uri)
    return 0


def _own_folder(frame: pd.DataFrame) -> Path:
    """Return the sweep's folder, if it is on this machine and that of this sweep."""
    from nw2v.sweeps.folder import read_folder

    known, run_id = frame.attrs["folder"], frame.attrs["parent_run"]
    if frame.attrs["source"] == "folder":
        return Path(known)
    try:
        if known and read_folder(Path(known)).parent_run == run_id:
            return Path(known)
    except InputError:
        pass  # Not there, or another sweep's by now.
    return Path(f"sweep-{run_id[:8]}")


def _log(frame: pd.DataFrame, files: Sequence[Path], uri: str | None) -> None:
    """Log a report to the sweep's parent run; that it cannot be logged does not undo it."""
    facts: dict[Any, Any] = frame.attrs
    try:
        from nw2v.tracking.parent_run import log_files

        of = Path(facts["folder"]) if facts["source"] == "folder" else None
        log_files(_store(facts, uri), facts["parent_run"], files, of)
    except InputError as error:
        print(f"nw2v: warning: the report is not in MLflow: {error}", file=sys.stderr)
        return
    print(f"logged to   MLflow run {facts['parent_run']}")


def _store(facts: dict[Any, Any], uri: str | None) -> str:
    """Return the address of the sweep's store.

    A folder may come from a stranger: what its sweep.json names is not spoken to over the network
    unless the user has named it too.
    """
    from nw2v.tracking.store_address import readable, resolve_uri, sqlite_file

    own = resolve_uri(uri, origin="--uri")
    if facts["source"] == "store" or uri is not None or facts["uri"] is None:
        return own
    named = resolve_uri(facts["uri"], origin="sweep.json: uri")
    if named == own or sqlite_file(named) is not None:
        return named
    raise InputError(
        f"the sweep's store is {readable(named)}; to log there, give --uri {readable(named)}"
    )
