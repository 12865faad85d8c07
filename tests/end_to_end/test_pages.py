"""MLflow's pages of nw2v's runs as a person sees them, in a real browser."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import numpy as np
import pytest

import nw2v
from nw2v.cli import main
from nw2v.cli.pictures import pictures
from nw2v.tracking.mlflow_callback import MlflowCallback
from nw2v.tracking.parent_run import ParentRun

from .conftest import Browser

SENTENCES = (
    "the king and the queen rule a country with man and woman",
    "an apple and a pear grow green on the tree in summer",
)


@dataclass
class Pages:
    """A running `nw2v ui`, and the runs in its store by name."""

    said: list[str]
    server: str
    experiment: str
    ids: dict[str, str]
    metrics: dict[str, dict[str, float]]

    def of_run(self, name: str, page: str = "") -> str:
        place = f"experiments/{self.experiment}/runs/{self.ids[name]}{page}"
        return f"{self.server}/#/{place}?workflowType=machine_learning"

    @property
    def of_experiment(self) -> str:
        place = f"experiments/{self.experiment}/runs"
        return f"{self.server}/#/{place}?workflowType=machine_learning"


@pytest.fixture(scope="module")
def pages(
    browser: Browser,
    tmp_path_factory: pytest.TempPathFactory,  # the browser first: it may skip
) -> Iterator[Pages]:
    with pytest.MonkeyPatch.context() as patch:
        for name in ("TRACKING_URI", "EXPERIMENT_NAME", "EXPERIMENT_ID", "RUN_ID"):
            patch.delenv(f"MLFLOW_{name}", raising=False)
        patch.setenv("MLFLOW_TRACKING_USERNAME", "ada")
        folder = tmp_path_factory.mktemp("pages")
        patch.chdir(folder)
        train_some(folder)
        yield from serve(folder)


def train_some(folder: Path) -> None:
    """Train two runs, and a parent run with two jobs."""
    text = folder / "small.txt"
    generator = np.random.default_rng(3)
    kinds = [sentence.split() for sentence in SENTENCES]
    lines = dict.fromkeys(
        " ".join(generator.choice(kinds[number % 2], size=generator.integers(5, 15)))
        for number in range(1200)
    )
    text.write_text("\n".join([*lines, ""]), encoding="utf-8")
    small = [
        f"corpus.path={text.name}",
        *("corpus=file", "corpus.min_count=1", "model.dim=16", "model.subsample=0"),
        *("evaluation.subsample=0", "trainer.threads=1", "trainer.epochs=2"),
    ]
    assert main(["train", *small, "tracking.run_name=first", "hydra.run.dir=outputs/first"]) == 0
    assert main(["train", "seed=7", "model.window=3", *small, "hydra.run.dir=outputs/second"]) == 0

    corpus = nw2v.Corpus.from_file(text, min_count=1)
    with ParentRun(
        uri=None,
        experiment=None,
        run_name="windows",
        configuration={"model.window": [2, 4], "sweep.metric": "valid/cross_entropy"},
        tags={"nw2v.kind": "sweep"},
        output_folder=folder / "multirun",
    ) as parent:
        for job, window in enumerate((2, 4)):
            place = folder / "multirun" / str(job)
            with MlflowCallback(
                run_name=f"window={window}",
                parent_run_id=parent.run_id,
                tags={"nw2v.job": str(job)},
                configuration={"model.window": window, "model.dim": 16, "seed": job},
                output_folder=place,
            ) as tracker:
                model = nw2v.train(
                    corpus, dim=16, window=window, subsample=0, epochs=2, seed=job, threads=1,
                    evaluation_subsample=0, callbacks=[tracker],
                )  # fmt: skip
                model.save(place)
                tracker.log_outputs(place, pictures(model, "center"))


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def serve(folder: Path) -> Iterator[Pages]:
    """Run `nw2v ui` on the store in a folder; end it with Ctrl-C, as a person does."""
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{folder / 'mlflow.db'}")
    (experiment,) = (e.experiment_id for e in client.search_experiments() if e.name == "nw2v")
    runs = client.search_runs([experiment])
    process = subprocess.Popen(
        [sys.executable, "-u", "-m", "nw2v", "ui", "--port", str(free_port())],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert process.stdout is not None and process.stderr is not None
    try:
        said = []
        for line in process.stdout:
            said.append(line.strip())
            if line.startswith("Ctrl-C"):
                break
        else:
            pytest.fail(f"the UI did not start: {said} {process.stderr.read()}")
        (address,) = (line.split()[1] for line in said if line.startswith("Open "))
        yield Pages(
            said,
            address.partition("/#/")[0],
            experiment,
            {run.info.run_name: run.info.run_id for run in runs},
            {run.info.run_name: dict(run.data.metrics) for run in runs},
        )
        process.send_signal(signal.SIGINT)
        rest, complaints = process.communicate(timeout=60)
        assert (process.returncode, rest, complaints) == (0, "", "")
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
        process.stderr.close()


@pytest.fixture
def window(browser: Browser, pages: Pages) -> Browser:
    """The browser with the panel closed that MLflow opens at the first visit."""
    browser.open(f"{pages.server}/health")
    browser.run(
        "localStorage.setItem('mlflow.assistant.panelOpen_v1', 'false');"
        "localStorage.setItem('mlflow.assistant.fab.autoOpenedOnFirstLoad_v1', 'true');"
    )
    return browser


def test_the_command_names_the_experiment_and_the_newest_run(pages: Pages) -> None:
    """A child run is newer than its parent, whose page tells more."""
    assert pages.said[1:] == [
        f"Open {pages.of_experiment}",
        f"newest run: {pages.of_run('windows')}",
        "Ctrl-C ends it.",
    ]
    assert pages.server.startswith("http://127.0.0.1:")


def test_the_experiment_shows_jobs_under_their_parent(window: Browser, pages: Pages) -> None:
    window.open(pages.of_experiment)
    window.see("first", "seed=7 window=3", "windows", "matching runs")
    # The view for language-model applications has other entries at the side.
    assert "Models" in window.text and "Judges" not in window.text
    assert "window=2" not in window.text
    parent = "//*[@role='gridcell' and contains(@col-id, 'Run Name')][.//a[.='windows']]"
    window.click(f"{parent}//button")
    window.see("window=2", "window=4")
    for name in pages.ids:
        assert pages.ids[name] in window.find(f"//a[.='{name}']").get_attribute("href")
    assert (
        window.find("//a[.='window=2']").location["x"]
        >= window.find("//a[.='windows']").location["x"]
    )
    window.keep("experiment")


def test_a_run_shows_what_was_measured_and_how(window: Browser, pages: Pages) -> None:
    window.open(pages.of_run("first"))
    window.see("About this run", "Finished", "ada", "Parameters")
    assert window.find("//h1|//h2|//h3|//h4").text == "first"
    metrics = pages.metrics["first"]
    assert {"train/loss", "valid/cross_entropy", "valid/cross_entropy_unigram"} <= set(metrics)
    window.see(f"Metrics ({len(metrics)})", *metrics)
    lines = window.text.splitlines()
    for name in ("train/loss", "valid/cross_entropy", "train/seconds"):
        assert json.loads(lines[lines.index(name) + 1]) == pytest.approx(metrics[name])
    for name, value in (
        ("corpus.path", "small.txt"),
        ("model.dim", "16"),
        ("loss.name", "negative_sampling"),
        ("trainer.epochs", "2"),
        ("model.window", "5"),
    ):
        assert lines[lines.index(name) + 1] == value
    # What it gave, and how to repeat it.
    window.see("held-out cross-entropy", "$ nw2v train corpus.path=small.txt corpus=file")


def test_metrics_are_drawn_by_group(window: Browser, pages: Pages) -> None:
    window.open(pages.of_run("first", "/model-metrics"))
    window.see("analogy (", "train (4)", "valid (")
    for group, names in (
        ("valid", ("cross_entropy", "cross_entropy_unigram")),
        ("train", ("learning_rate", "loss", "seconds", "words_per_second")),
    ):
        window.scroll_to(f"//*[text()[normalize-space()='{group}']]")
        window.see(*(f"first ({group}/{name})" for name in names))
    curves = "//*[contains(@class, 'js-plotly-plot')]//*[contains(@class, 'main-svg')]"
    window.wait("the charts", lambda: len(window.all(curves)) > 2)
    window.keep("metrics")


def test_pictures_are_seen_among_the_artifacts(window: Browser, pages: Pages) -> None:
    window.open(pages.of_run("first", "/artifacts"))
    window.see("config.yaml", "loss_curve.png", "word_map.png", "model")
    for name in ("loss_curve.png", "word_map.png"):
        window.click(f"//*[text()[normalize-space()='{name}']]")
        window.wait(
            f"the picture {name}",
            lambda: window.run(
                "return [...document.images].some(i => i.complete && i.naturalWidth > 300)"
            ),
        )
        window.see("first", name)
    window.click("//*[text()[normalize-space()='config.yaml']]")
    window.see("epochs: 2")


def test_jobs_compare_side_by_side(window: Browser, pages: Pages) -> None:
    jobs = [pages.ids["window=2"], pages.ids["window=4"]]
    runs, experiments = (quote(json.dumps(ids)) for ids in (jobs, [pages.experiment]))
    window.open(
        f"{pages.server}/#/compare-runs?runs={runs}&experiments={experiments}"
        "&workflowType=machine_learning"
    )
    window.see("Comparing 2 Runs", "Parallel Coordinates Plot", "window=2", "window=4")
    axes = "//*[contains(@class, 'parcoords')]//*[contains(@class, 'axis-title')]"
    window.wait(
        "the axis model.window", lambda: "model.window" in [e.text for e in window.all(axes)]
    )
    window.see("valid/cross_entropy")
    window.keep("compare")
