"""Which of an MLflow server's pages to open, asked of the server itself.

MLflow's client would do as well, but its import takes longer than all the answers.
"""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import quote

from nw2v.errors import InputError
from nw2v.tracking.run_values import OUTPUT_FOLDER_TAG, PARENT_TAG
from nw2v.tracking.store_address import page, readable, resolve_experiment

_ANSWER_SECONDS = 20.0


def experiment_url(server: str, experiment_id: str | None = None) -> str:
    """Return the address of an experiment's runs (or of all experiments) in the training view."""
    return page(
        server, "experiments" if experiment_id is None else f"experiments/{experiment_id}/runs"
    )


def run_url(server: str, experiment_id: str, run_id: str) -> str:
    """Return the address of a run's page in the training view."""
    return page(server, f"experiments/{experiment_id}/runs/{run_id}")


def find_experiment(server: str, experiment: str | None = None) -> str | None:
    """Return the id of the experiment that runs go to, None where the server does not tell.

    Parameters
    ----------
    server : str
        The server's address.
    experiment : str, optional
        As in `nw2v.tracking.store_address.resolve_experiment`.
    """
    name, identifier = resolve_experiment(experiment)
    if name is None:
        return identifier
    try:
        answer = _ask(server, f"experiments/get-by-name?experiment_name={quote(name, safe='')}")
        return str(answer["experiment"]["experiment_id"])
    except (OSError, HTTPException, ValueError, KeyError):
        return None


def find_run(server: str, run: str) -> str:
    """Return the address of the page of one run.

    Parameters
    ----------
    server : str
        The server's address.
    run : str
        The run's id, its name or its output folder; the newest one where several have the name.

    Raises
    ------
    InputError
        If the server has no such run, or does not answer.
    """
    try:
        try:
            info = _ask(server, f"runs/get?run_id={quote(run, safe='')}")["run"]["info"]
            return run_url(server, info["experiment_id"], info["run_id"])
        except urllib.error.HTTPError as error:
            if error.code not in (400, 404):
                raise
        experiments = _experiments(server)
        for attribute, value in (
            (f"tags.`{OUTPUT_FOLDER_TAG}`", str(Path(run).absolute())),
            ("attributes.run_name", run),
        ):
            # MLflow's filters know no way to write a text with both kinds of quotation mark.
            mark = '"' if "'" in value else "'"
            if mark in value:
                continue
            if found := _newest(server, experiments, f"{attribute} = {mark}{value}{mark}"):
                return run_url(server, found["info"]["experiment_id"], found["info"]["run_id"])
    except (OSError, HTTPException, ValueError, KeyError) as error:
        raise InputError(
            f"cannot ask the MLflow server {readable(server)} for the run {run!r} ({error})"
        ) from None
    raise InputError(
        f"no MLflow run {run!r}: give a run's id, its name or its output folder, or name its store "
        "with --uri or in MLFLOW_TRACKING_URI"
    )


def newest_run(server: str, experiment_id: str | None) -> str | None:
    """Return the address of the page of an experiment's newest run.

    If that belongs to another run, as the jobs of a sweep do, it is the page of the other one.
    None where there is no run yet, or the server does not tell.
    """
    if experiment_id is None:
        return None
    try:
        found = _newest(server, [experiment_id])
    except (OSError, HTTPException, ValueError, KeyError):
        return None
    if found is None:
        return None
    tags = {tag["key"]: tag["value"] for tag in found["data"].get("tags", [])}
    return run_url(server, experiment_id, tags.get(PARENT_TAG, found["info"]["run_id"]))


def _experiments(server: str) -> list[str]:
    """Return the ids of all experiments."""
    found: list[str] = []
    token = ""
    while True:
        query = {"max_results": 1000} | ({"page_token": token} if token else {})
        answer = _ask(server, "experiments/search", query)
        found += [str(item["experiment_id"]) for item in answer.get("experiments", [])]
        token = answer.get("next_page_token", "")
        if not token:
            return found


def _newest(server: str, experiments: list[str], condition: str = "") -> dict[str, Any] | None:
    """Return the newest of the runs that a condition holds for, as the server describes it."""
    query = {
        "experiment_ids": experiments,
        "filter": condition,
        "max_results": 1,
        "order_by": ["attributes.start_time DESC"],
    }
    runs = _ask(server, "runs/search", query).get("runs", [])
    return dict(runs[0]) if runs else None


def _ask(server: str, place: str, query: dict[str, Any] | None = None) -> Any:
    """Ask the server's REST API, with GET if there is no query to post."""
    request = urllib.request.Request(
        f"{server.rstrip('/')}/api/2.0/mlflow/{place}",
        data=None if query is None else json.dumps(query).encode(),
        headers={"Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=_ANSWER_SECONDS) as answer:
        return json.load(answer)
