"""Sweeps whose jobs run in other processes: side by side, on Ray, as a batch system starts them."""

from __future__ import annotations

import importlib.util
import json
import multiprocessing
import os
import pickle
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import JobReturn, JobStatus
from omegaconf import DictConfig
from threadpoolctl import threadpool_info

import nw2v
from nw2v.cli import joblib_launcher, main
from nw2v.cli.application import launch
from nw2v.cli.configuration import compose_all, parse_command_line
from nw2v.cli.launching import _portable
from nw2v.cores import available_cores
from nw2v.jit import COMPILED

ROOT = Path(__file__).parents[2]
QUICK = [
    *("train", "-m", "corpus=file", "model.dim=16", "trainer.epochs=2", "corpus.min_count=1"),
    *("model.subsample=0", "evaluation.subsample=0", "hydra.sweep.dir=sweep"),
    "sweep.metric=valid/cross_entropy",
]

pytestmark = pytest.mark.skipif(not COMPILED, reason="the same, only slower")


def is_installed(package: str) -> bool:
    spec = importlib.util.find_spec(package)
    return spec is not None and spec.origin is not None


@pytest.fixture
def in_folder(tmp_path: Path, text: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A working directory with a text in it. Processes that joblib keeps for later end."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    Path("small.txt").write_bytes(text.read_bytes())
    yield tmp_path
    from joblib.externals.loky import get_reusable_executor

    get_reusable_executor().shutdown(wait=True)


def surroundings_of_a_job(config: DictConfig) -> float:
    """Write down what a job sees: nothing is trained."""
    np.ones((8, 8)) @ np.ones((8, 8))
    seen = {
        "process": os.getpid(),
        "folder": str(Path.cwd()),
        "cores": available_cores(),
        "blas": [lib["num_threads"] for lib in threadpool_info() if lib["user_api"] == "blas"],
        "threads": sorted(thread.name for thread in threading.enumerate()),
        "at_once": HydraConfig.get().launcher.n_jobs,
    }
    Path(HydraConfig.get().runtime.output_dir, "seen.json").write_text(json.dumps(seen))
    if config.seed == 3:
        raise Unportable("seed", config.seed)
    return float(config.seed)


class Unportable(Exception):
    """Cannot be read back by another process, as it keeps other arguments than it wants."""

    def __init__(self, name: str, value: int) -> None:
        super().__init__(f"{name} {value}")


def test_jobs_share_the_cores_and_work_where_the_command_was_typed(
    in_folder: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("NW2V_CORES", "2")
    if available_cores() < 2:
        pytest.skip("needs two cores")
    line = parse_command_line(
        [
            "-m",
            "seed=1,2,3",
            "hydra/launcher=joblib",
            "hydra/sweeper=basic",
            "hydra.sweep.dir=sweep",
            "hydra.job.chdir=true",
        ]
    )
    with pytest.raises(Exception, match="Unportable: seed 3"):
        launch(surroundings_of_a_job, "train", line, compose_all(line)[0], sweep=True)
    seen = [json.loads(Path(f"sweep/{job}/seen.json").read_text()) for job in range(3)]
    assert os.getpid() not in {each["process"] for each in seen}
    for each in seen:
        assert each["folder"] == str(in_folder)
        assert each["cores"] == 1
        assert each["blas"] and set(each["blas"]) == {1}
        assert not [name for name in each["threads"] if "tqdm" in name.lower()]
        assert each["at_once"] == 2
    assert os.environ["NW2V_CORES"] == "2"
    errors = capfd.readouterr().err
    assert "Launching 3 jobs" in errors and "\t#1 : seed=2\n" in errors
    assert "job 1 begins with 1 core\n" in errors and "job 1 done after" in errors


def test_joblib_trains_what_one_job_after_another_would(
    in_folder: Path,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    wait_for: Callable[[Callable[[], bool]], None],
) -> None:
    prepared: list[int] = []
    monkeypatch.setattr("nw2v.cli.multirun.prepare_end", lambda: prepared.append(1))
    words = [*QUICK, "corpus.path=small.txt", "tracking=none", "seed=1,2", "trainer.threads=1"]
    assert main([*words, "hydra/launcher=joblib", "hydra.launcher.n_jobs=2"]) == 0
    wait_for(lambda: not multiprocessing.active_children())
    assert prepared  # beside the jobs, as this process has nothing else to do
    captured = capfd.readouterr()
    told = [line for line in captured.err.splitlines() if line.startswith("job ")]
    for number in (0, 1):
        assert any(
            line.startswith(f"job {number} done after ") and ", valid/cross_entropy " in line
            for line in told
        )
    assert "\r" not in captured.err and "training" not in captured.err + captured.out
    assert (
        main([*words, "hydra.sweep.dir=alone", "hydra/launcher=joblib", "hydra.launcher.n_jobs=1"])
        == 0
    )
    assert len(prepared) == 1
    for number in (0, 1):
        one, other = (nw2v.load(f"{sweep}/{number}") for sweep in ("sweep", "alone"))
        assert np.array_equal(one.center_vectors, other.center_vectors)


@dataclass
class JobsThatNoteWhenTheyBegan:
    """In place of what the launcher is given: jobs that wait until two of them have begun."""

    folder: Path

    def announce(self, *_: Any) -> dict[Any, Any]:
        return {}

    def run(self, number: int, *_: Any) -> int:
        (self.folder / f"{number}.began").write_text(str(time.monotonic()))
        end = time.monotonic() + 60
        while len(list(self.folder.glob("*.began"))) < 2 and time.monotonic() < end:
            time.sleep(0.05)
        return number


def test_the_longest_jobs_begin_first_and_return_in_their_order(in_folder: Path) -> None:
    source: Any = JobsThatNoteWhenTheyBegan(in_folder)
    epochs = [1, 30, 2, 20, 3, 10]
    returned = joblib_launcher.launch(source, 2, [[f"trainer.epochs={n}"] for n in epochs], 5)
    assert returned == [5, 6, 7, 8, 9, 10]
    began = {number: float(Path(f"{number}.began").read_text()) for number in range(5, 11)}
    first, second, *_ = sorted(began, key=lambda number: began[number])
    assert {first, second} == {6, 8}


@pytest.mark.parametrize(
    ("shorter", "longer"),
    [
        ("model.dim=50 model.window=5", "model.dim=100 model.window=5"),
        ("loss.negatives=5 trainer.epochs=3", "loss.negatives=10 trainer.epochs=2"),
        ("loss.negatives=9 trainer.epochs=1e0", "loss.negatives=5 trainer.epochs=2"),
        ("loss=naive_softmax model.window=2", "loss=naive_softmax model.window=3"),
    ],
)
def test_how_long_jobs_take_is_estimated(shorter: str, longer: str) -> None:
    lengths = [joblib_launcher.relative_length(text.split()) for text in (shorter, longer)]
    assert lengths[0] < lengths[1]


@pytest.mark.parametrize("overrides", [[], ["seed=3"], ["loss.negatives=null", "~model.dim"]])
def test_what_tells_nothing_of_the_time_keeps_the_order(overrides: list[str]) -> None:
    assert joblib_launcher.relative_length(overrides) == 1


def processes_of(session: int) -> list[int]:
    """List the processes of a session that still run."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, _, of = stat.read_text().rpartition(")")[2].split()[:4]
        except OSError:
            continue
        if int(of) == session and state != "Z":
            found.append(int(stat.parent.name))
    return found


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="looks into /proc")
@pytest.mark.parametrize("way", ["interrupt", "kill"])
def test_the_end_of_the_launching_process_saves_what_was_learnt_and_leaves_no_process(
    way: str, in_folder: Path, wait_for: Callable[[Callable[[], bool]], None]
) -> None:
    log = in_folder / "log"
    words = [
        *QUICK,
        "corpus.path=small.txt",
        "tracking=none",
        "seed=1,2,3",
        "trainer.epochs=1000000",
        "hydra/launcher=joblib",
        "hydra.launcher.n_jobs=2",
    ]
    with log.open("w") as file:
        process = subprocess.Popen(
            [sys.executable, "-m", "nw2v", *words],
            stdout=file,
            stderr=file,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            start_new_session=True,
        )
    try:
        logs = [Path(f"sweep/{job}/train.log") for job in (0, 1)]
        wait_for(lambda: all(each.exists() and ": pass 1, " in each.read_text() for each in logs))
        if way == "interrupt":
            os.killpg(process.pid, signal.SIGINT)  # as a terminal does
            assert process.wait(120) == 130
        else:
            process.kill()
            process.wait(120)
        wait_for(lambda: not processes_of(process.pid))
    finally:
        for number in processes_of(process.pid):
            os.kill(number, signal.SIGKILL)
    for job in (0, 1):
        assert nw2v.load(f"sweep/{job}").center_vectors.shape[1] == 16
    assert not Path("sweep/2").exists()
    assert "Traceback" not in log.read_text()


def ended(*words: str) -> str:
    """Wait for a sweep in a process of its own, and return what it printed."""
    finished = subprocess.run(
        [sys.executable, "-m", "nw2v", *QUICK, "corpus.path=small.txt", *words],
        env={**os.environ, "PYTHONPATH": str(ROOT), "RAY_AUTH_MODE": "disabled"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        check=False,
    )
    assert finished.returncode == 0, finished.stdout
    return finished.stdout


@pytest.mark.skipif(not is_installed("submitit"), reason="needs the extra submitit")
def test_submitit_starts_jobs_as_a_batch_system_does(in_folder: Path) -> None:
    ended(
        *("tracking.uri=runs.db", "tracking.vectors=none", "seed=1,2"),
        "hydra/launcher=submitit_local",
    )
    for job in (0, 1):
        assert nw2v.load(f"sweep/{job}").center_vectors.shape[1] == 16
    with closing(sqlite3.connect("runs.db")) as store:
        statuses = [status for (status,) in store.execute("SELECT status FROM runs")]
    assert len(statuses) >= 2 and set(statuses) == {"FINISHED"}


@pytest.mark.skipif(not is_installed("ray"), reason="needs the extra ray")
def test_ray_runs_jobs_on_one_machine(in_folder: Path) -> None:
    output = ended(
        *("tracking=none", "seed=1,2", "hydra/launcher=ray"),
        "+hydra.launcher.ray.init.num_cpus=2",
        "+hydra.launcher.ray.init.object_store_memory=80000000",
    )
    for job in (0, 1):
        assert nw2v.load(f"sweep/{job}").center_vectors.shape[1] == 16
        assert f"job {job} done after" in output


def test_how_a_job_failed_can_be_read_by_another_process() -> None:
    def failed(error: Exception) -> Any:
        returned = JobReturn()
        returned.status = JobStatus.FAILED
        returned.return_value = error
        return _portable(returned)._return_value

    assert failed(Unportable("seed", 1)).args == ("Unportable: seed 1",)
    error = nw2v.errors.InputError("bad")
    assert failed(error) is error
    pickle.dumps(failed(Unportable("seed", 1)))


@pytest.mark.parametrize("launcher", ["submitit_slurm", "ray"])
def test_a_missing_package_is_told(
    launcher: str, in_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if is_installed("ray" if launcher == "ray" else "submitit"):
        pytest.skip("it is installed")
    words = [*QUICK, "corpus.path=small.txt", "tracking=none", f"hydra/launcher={launcher}"]
    assert main(words) == 2
    assert f"pip install 'nw2v[{launcher.partition('_')[0]}]'" in capsys.readouterr().err
