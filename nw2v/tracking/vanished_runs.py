"""Runs whose process is gone: the next start that sees them marks them KILLED."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from nw2v.tracking.processes import HOST_TAG, has_vanished, host
from nw2v.tracking.run_values import FAILURE_TAG, VANISHED
from nw2v.tracking.sqlite_client import SqliteClient
from nw2v.tracking.store import Store, first_line, quiet_mlflow

_log = logging.getLogger(__name__)


def end_vanished_runs(store: Store) -> None:
    """Mark the experiment's runs KILLED whose process on this machine is gone."""
    try:
        for run_id, tags in _running(store).items():
            if has_vanished(tags):
                store.client.set_tag(run_id, FAILURE_TAG, VANISHED)
                with quiet_mlflow():
                    store.client.set_terminated(run_id, "KILLED")
    except Exception as error:  # Tidying up after others is no reason not to train.
        _log.warning("cannot look for runs that were killed (%s)", first_line(error))


def _running(store: Store) -> Mapping[str, Mapping[str, str]]:
    """Return the tags of the experiment's runs that this machine's processes have open, by id."""
    if isinstance(store.client, SqliteClient):
        return store.client.running(store.experiment_id, HOST_TAG, host())
    runs = store.client.search_runs(
        [store.experiment_id],
        f"attributes.status = 'RUNNING' AND tags.`{HOST_TAG}` = '{host()}'",
    )
    return {run.info.run_id: run.data.tags for run in runs}
