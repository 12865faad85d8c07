"""`nw2v ui`: MLflow's pages on the runs."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from nw2v.cli.arguments import ArgumentParser


def run(arguments: Sequence[str]) -> int:
    """Serve MLflow's pages until interrupted."""
    parser = ArgumentParser(
        prog="nw2v ui",
        description="Serve MLflow's pages on the store that the runs went to.",
    )
    parser.add_argument(
        "run",
        nargs="?",
        metavar="RUN",
        help="the run to show, by id, name or output folder (default: all runs of the experiment)",
    )
    parser.add_argument(
        "--port", type=_port, metavar="N", help="where to listen (default: 5000, or a free one)"
    )
    parser.add_argument(
        "--host",
        default="127.0.0.1",
        metavar="ADDRESS",
        help="the address to listen on (default: 127.0.0.1, this machine only)",
    )
    parser.add_argument(
        "--uri",
        metavar="URI",
        help="the store (default: MLFLOW_TRACKING_URI, else mlflow.db in this folder)",
    )
    parser.add_argument(
        "--experiment", metavar="NAME", help="the experiment whose runs are shown (default: nw2v)"
    )
    parser.add_argument("--open", action="store_true", help="open the page in the browser as well")
    options = parser.parse_args(arguments)
    from nw2v.tracking.ui import run_ui

    return run_ui(
        options.uri,
        port=options.port,
        host=options.host,
        run=options.run,
        experiment=options.experiment,
        in_browser=options.open,
    )


def _port(text: str) -> int:
    if not text.isdecimal() or not 1 <= int(text) <= 65535:
        raise argparse.ArgumentTypeError(f"'{text}' is not a port, a whole number from 1 to 65535")
    return int(text)
