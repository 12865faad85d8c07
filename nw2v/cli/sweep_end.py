"""How a sweep ends: its table and report, its best job, and what failed."""

from __future__ import annotations

import logging
import shlex
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import nw2v
from nw2v.cli.pictures import pictures
from nw2v.cli.summary import short_path
from nw2v.errors import FailedJobsError, InputError
from nw2v.sweeps.files import FAILED, KILLED, RUNNING, read_records
from nw2v.sweeps.wording import numbers
from nw2v.tracking.run_values import BEST_RUN_TAG

if TYPE_CHECKING:
    from nw2v.sweeps.findings import Findings
    from nw2v.tracking.parent_run import ParentRun

_log = logging.getLogger(__name__)


def end_sweep(folder: Path, parent: ParentRun | None, vectors: str) -> None:
    """Print the table, write the report, and give both to the parent run.

    What goes wrong here must not hide how the jobs went, nor lose them: it is a warning.

    Parameters
    ----------
    folder : Path
        The sweep's.
    parent : ParentRun or None
    vectors : {"all", "best", "none"}
        With "best" the vectors of the best job are logged now.
    """
    try:
        _report(folder, parent, vectors)
    except Exception as error:
        _log.warning(
            "the sweep's report could not be made (%s: %s); make it with: nw2v sweep report %s",
            type(error).__name__,
            error,
            shlex.quote(str(folder)),
        )


def prepare_end() -> None:
    """Import what `end_sweep` needs, in the background, while the jobs run in other processes."""
    threading.Thread(target=_import, daemon=True, name="nw2v-sweep-end").start()


def _import() -> None:
    with suppress(Exception):  # The end itself will tell what is wrong.
        import pandas  # noqa: F401
        import scipy.special  # noqa: F401

        from nw2v import load  # noqa: F401
        from nw2v.plots import loss_curve, word_map  # noqa: F401
        from nw2v.plots.figure import new_figure, png
        from nw2v.sweeps import write_report  # noqa: F401

        figure = new_figure(1, 1)
        figure.subplots()
        png(figure)  # which imports more, and finds the fonts


def _report(folder: Path, parent: ParentRun | None, vectors: str) -> None:
    from nw2v.sweeps import load
    from nw2v.sweeps.findings import find
    from nw2v.sweeps.report import write_findings
    from nw2v.sweeps.sentences import sentences
    from nw2v.sweeps.terminal import table_text

    frame = load(folder)
    if not len(frame):
        return
    found = find(frame)
    written = write_findings(found, folder)
    lines = ["", table_text(found.jobs), "", *sentences(found), ""]
    lines.append(f"report      {short_path(folder / 'report.html')}")
    if parent is not None:
        parent.log(written, _give_best(found, parent, vectors))
        lines.append(f"MLflow      experiment {parent.experiment}, run {parent.run_name}")
    with suppress(OSError):  # All is written; what cannot be printed is told at the end.
        print("\n".join(lines), flush=True)


def _give_best(found: Findings, parent: ParentRun, vectors: str) -> dict[str, float]:
    """Tell the parent run which job is best; return that job's metric."""
    from nw2v.sweeps.design import finished

    tracked = finished(found.frame, found.metric).dropna(subset=["run_id"]).set_index("job")
    if not len(tracked):
        return {}
    best = tracked.loc[next(job for job in found.jobs["job"] if job in tracked.index)]
    run_id, folder = str(best["run_id"]), Path(best["folder"])
    parent.set_tags({BEST_RUN_TAG: run_id})
    if vectors == "best":
        parent.log_vectors_of(run_id, folder)
    try:
        model = nw2v.load(folder)
    except InputError as error:  # What is known of the sweep does not depend on it.
        _log.warning("the best job has no pictures in MLflow (%s)", error)
    else:
        parent.log_figures_of(run_id, pictures(model, best["evaluation.vectors"]))
    return {found.metric: float(best[found.metric])}


def raise_failures(folder: Path, jobs: Mapping[str, int] | None, resume: str) -> None:
    """Tell which jobs failed or did not come to their end, if there are any.

    Parameters
    ----------
    folder : Path
        The sweep's.
    jobs : mapping of str to int, optional
        The jobs of the sweep by identity; the numbers of those that this start was to do, -1 for
        the others. None: it is not known.
    resume : str
        The command that does just those again.

    Raises
    ------
    FailedJobsError
    """
    records = [
        record
        for record in read_records(folder).values()
        if jobs is None or record.identity in jobs
    ]
    failed = sorted(record.job for record in records if record.status == FAILED)
    cut_short = (RUNNING, KILLED)
    if jobs is None:
        missing = sorted(record.job for record in records if record.status in cut_short)
    else:
        ended = {record.identity for record in records if record.status not in cut_short}
        missing = sorted(n for mark, n in jobs.items() if n >= 0 and mark not in ended)
    if not failed and not missing:
        return
    parts = []
    if failed:
        reasons = {record.failure or "" for record in records if record.status == FAILED}
        parts.append(f"{numbers(failed)} failed ({'; '.join(sorted(reasons)[:3])})")
    if missing:
        parts.append(
            f"{numbers(missing)} did not come to {'its' if len(missing) == 1 else 'their'} end"
        )
    those = "that" if len(failed) + len(missing) == 1 else "those"
    raise FailedJobsError(
        f"{', '.join(parts)}; logs are in the jobs' folders in {short_path(folder)}. "
        f"To run just {those} again: {resume}"
    )
