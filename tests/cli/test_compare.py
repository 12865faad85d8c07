"""Tests of `nw2v compare` from the command line to the report and the runs in MLflow."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import re
import signal
import subprocess
import sys
import textwrap
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml

import nw2v
from nw2v import comparison
from nw2v.cli import COMMANDS, main
from nw2v.cli import compare as compare_module
from nw2v.cli.configuration import compose_all, config_folder, parse_command_line, plain
from nw2v.cli.settings import COMPARISON_SETTINGS, leaves, read_comparison
from nw2v.comparison import Comparison
from nw2v.errors import InputError

REPOSITORY = Path(__file__).resolve().parents[2]
QUICK = [
    "compare.systems=[naive_softmax/cooccurrence,negative_sampling/stream]",
    "compare.seeds=2",
    "compare.threads=1",
    "compare.epochs.stream=1",
    "compare.epochs.cooccurrence=1",
    "model.dim=4",
    "corpus.min_count=1",
    # All words of so small a text are frequent.
    "model.subsample=0",
    "evaluation.subsample=0",
    "evaluation.heldout_fraction=0.1",
]
SYSTEMS = ["naive softmax, cooccurrence", "negative sampling K=5, stream"]
TABLES = {
    *("settings", "scores", "curves", "summary", "tests", "costs", "spaces", "space_pairs", "norms")
}
PICTURES = {"scores.png", "cross_entropy_by_time.png", "norms.png"}
WRITTEN = {f"{table}.csv" for table in TABLES} | PICTURES | {"report.html", "report.md"}
# MLflow's own imports warn of each other.
OF_MLFLOW = pytest.mark.filterwarnings("ignore")


def arguments(text: Path, *more: str) -> list[str]:
    return ["compare", "corpus=file", f"corpus.path={text}", *QUICK, *more]


@dataclass
class Compared:
    """A comparison that was made, and what was left of it."""

    folder: Path
    comparison: Comparison
    out: str
    err: str

    @property
    def store(self) -> str:
        return f"sqlite:///{self.folder / 'mlflow.db'}"

    @property
    def client(self) -> Any:
        import mlflow

        return mlflow.MlflowClient(self.store)

    def runs(self, experiment: str = "nw2v") -> tuple[Any, list[Any]]:
        """The one run of an experiment that has no parent, and its children by age."""
        found = self.client.get_experiment_by_name(experiment)
        runs = self.client.search_runs([found.experiment_id], order_by=["start_time"])
        (parent,) = [run for run in runs if "mlflow.parentRunId" not in run.data.tags]
        children = [run for run in runs if run is not parent]
        for child in children:
            assert child.data.tags["mlflow.parentRunId"] == parent.info.run_id
        return parent, children


@pytest.fixture(scope="module")
def compared(text: Path, tmp_path_factory: pytest.TempPathFactory) -> Compared:
    """A whole comparison with its runs in a store; the other tests share it."""
    folder = tmp_path_factory.mktemp("compared")
    kept: list[Comparison] = []
    write_report = comparison.write_report

    def keep(found: Comparison, *rest: Any) -> Any:
        kept.append(found)
        return write_report(found, *rest)

    out, err = io.StringIO(), io.StringIO()
    with (
        pytest.MonkeyPatch.context() as patch,
        warnings.catch_warnings(),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        warnings.simplefilter("ignore")
        for name in [name for name in os.environ if name.startswith("MLFLOW")]:
            patch.delenv(name)
        patch.chdir(folder)
        patch.setattr(comparison, "write_report", keep)
        status = main(arguments(text, "hydra.run.dir=run"))
    assert status == 0, err.getvalue()
    return Compared(folder, kept[0], out.getvalue(), err.getvalue())


@pytest.fixture
def in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return tmp_path


@pytest.fixture
def already_compared(compared: Compared, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Give the shared comparison instead of making one; filled with what was asked for."""
    asked: dict[str, Any] = {}

    def found(corpus: nw2v.Corpus, **options: Any) -> Comparison:
        asked.update(options, corpus=corpus)
        return compared.comparison

    monkeypatch.setattr("nw2v.comparison.compare", found)
    return asked


def test_what_is_written_into_the_output_folder(compared: Compared) -> None:
    run = compared.folder / "run"
    assert {path.name for path in run.iterdir()} == WRITTEN | {"compare.log", ".hydra"}
    assert {path.name for path in compared.folder.iterdir()} == {
        "run",
        "mlflow.db",
        "mlartifacts",
    }
    for table in TABLES:
        written = pd.read_csv(run / f"{table}.csv", keep_default_na=False, na_values=[""])
        made = getattr(compared.comparison, table)
        assert list(written.columns) == list(made.columns), table
        assert len(written) == len(made) > 0, table
    assert list(pd.read_csv(run / "summary.csv")["system"].unique()) == SYSTEMS
    for picture in PICTURES:
        assert (run / picture).read_bytes().startswith(b"\x89PNG")
    report = (run / "report.md").read_text(encoding="utf-8")
    page = (run / "report.html").read_text(encoding="utf-8")
    assert set(re.findall(r"!\[[^]]+\]\(([^)]+)\)", report)) == PICTURES
    assert page.count("data:image/png;base64,") == len(PICTURES)
    for each in (report, page):
        assert "nw2v compare corpus=file corpus.path=" in each and "model.dim=4" in each
    configuration = yaml.safe_load((run / ".hydra" / "config.yaml").read_text())
    assert configuration["compare"]["seeds"] == 2


def test_what_is_printed(compared: Compared) -> None:
    header, *scores, report, runs = compared.out.splitlines()
    assert header.split() == ["cross-entropy", "↓"]
    for line, name in zip(scores, SYSTEMS, strict=False):
        assert re.fullmatch(rf"{name} +[*≈]?\d\.\d{{4}} ± \d\.\d{{4}}", line)
    assert scores[3].startswith("Mean ± half the width of its 95 % interval over seeds. *: the")
    said = " ".join(line.removeprefix("- ").strip() for line in scores)
    for sentence in comparison.conclusions(compared.comparison):
        assert sentence in said
    assert report == f"report      {compared.folder / 'run' / 'report.html'}"
    assert runs == "MLflow      experiment nw2v, run compare-small"
    for system in SYSTEMS:
        for seed in (1, 2):
            assert f"{system}, seed {seed}: pass 1, " in compared.err
    log = (compared.folder / "run" / "compare.log").read_text(encoding="utf-8")
    assert header in log and "failed" not in log


@OF_MLFLOW
def test_the_parent_run_reads_back(compared: Compared, text: Path) -> None:
    parent, _ = compared.runs()
    assert (parent.info.status, parent.info.run_name) == ("FINISHED", "compare-small")
    parameters = parent.data.params
    assert set(parameters) == set(COMPARISON_SETTINGS)
    assert parameters["corpus.path"] == str(text)
    assert (parameters["compare.seeds"], parameters["model.dim"]) == ("2", "4")
    assert parameters["compare.learning_rate.stream"] == "None"
    tags = parent.data.tags
    assert (tags["nw2v.kind"], tags["corpus"]) == ("comparison", "small")
    assert tags["nw2v.output_folder"] == str(compared.folder / "run")
    artifacts = {item.path for item in compared.client.list_artifacts(parent.info.run_id)}
    assert artifacts == WRITTEN
    summary = compared.comparison.summary
    assert len(parent.data.metrics) == len(summary)
    entropy = summary[summary["metric"] == "cross-entropy"].set_index("system")["mean"]
    logged = {name: value for name, value in parent.data.metrics.items() if "entropy" in name}
    assert logged == pytest.approx(
        {
            "naive softmax_ cooccurrence/cross-entropy": entropy[SYSTEMS[0]],
            "negative sampling K_5_ stream/cross-entropy": entropy[SYSTEMS[1]],
        }
    )


@OF_MLFLOW
def test_each_training_is_a_run_below_it(compared: Compared) -> None:
    _, children = compared.runs()
    assert [run.info.run_name for run in children] == [
        f"{system}, seed {seed}" for seed in (1, 2) for system in SYSTEMS
    ]
    last = compared.comparison.curves.groupby(["system", "seed"])["cross_entropy"].last()
    for run in children:
        assert run.info.status == "FINISHED"
        system, _, seed = run.info.run_name.rpartition(", seed ")
        assert run.data.metrics["valid/cross_entropy"] == pytest.approx(last[system, int(seed)])
        assert (run.data.params["seed"], run.data.params["dim"]) == (seed, "4")
        artifacts = {item.path for item in compared.client.list_artifacts(run.info.run_id)}
        assert "model" not in artifacts


def test_without_tracking_there_is_a_report_alone(
    text: Path,
    in_folder: Path,
    compared: Compared,
    already_compared: dict[str, Any],
    capsys: pytest.CaptureFixture[str],
) -> None:
    root = logging.getLogger()
    before = [*sys.argv], root.level, [*root.handlers]
    assert main(arguments(text, "tracking=none")) == 0
    assert ([*sys.argv], root.level, [*root.handlers]) == before
    assert [path.name for path in in_folder.iterdir()] == ["outputs"]
    (folder,) = in_folder.glob("outputs/*/*")
    assert {path.name for path in folder.iterdir()} == WRITTEN | {"compare.log", ".hydra"}
    lines = capsys.readouterr().out.splitlines()
    assert lines[:-1] == compared.out.splitlines()[:-2]
    assert lines[-1] == f"report      {folder / 'report.html'}"
    callbacks = already_compared["callbacks_for"](compared.comparison.systems[0], 1)
    names = [type(each).__name__ for each in callbacks]
    assert names == ["CompilationNotice", "ProgressBar", "_Divergence"]


def test_the_same_command_writes_the_same_scores_on_any_number_of_threads(
    text: Path, in_folder: Path, compared: Compared
) -> None:
    more = ["tracking=none", "hydra.run.dir=again", "compare.threads=2"]
    assert main(arguments(text, *more)) == 0
    before = compared.folder / "run"
    for table in ("scores", "summary", "tests", "spaces", "space_pairs", "norms"):
        again = Path("again", f"{table}.csv").read_bytes()
        assert again == (before / f"{table}.csv").read_bytes(), table
    columns = ["system", "seed", "epoch", "words", "cross_entropy"]
    first, second = (pd.read_csv(run / "curves.csv")[columns] for run in (before, Path("again")))
    pd.testing.assert_frame_equal(first, second, check_exact=True)


def test_all_that_is_set_reaches_the_comparison(
    text: Path, in_folder: Path, already_compared: dict[str, Any]
) -> None:
    Path("fruit.txt").write_text(": fruit\nking queen man woman\n")
    Path("likeness.tsv").write_text("apple\tpear\t9\nking\tpear\t1\nking\tqueen\t8\n")
    more = [
        "evaluation.analogies=[fruit.txt]",
        "evaluation.similarity=[likeness.tsv]",
        "compare.negatives=[2,3]",
        "compare.noise_exponent=1",
        "compare.epochs.stream=7",
        "compare.learning_rate.cooccurrence=1",
        "model.window=3",
        "model.shrink_window=false",
        "model.initial_scale=2",
        "evaluation.window=4",
        "evaluation.heldout_centers=1e2",
        "evaluation.split_seed=6",
        "corpus.max_vocabulary=10",
        "seed=11",
    ]
    assert main(arguments(text, "tracking=none", *more)) == 0
    asked = already_compared
    assert len(asked.pop("corpus").split().vocabulary) == 10
    assert list(asked.pop("analogies")) == ["fruit"]
    assert list(asked.pop("similarity")) == ["likeness"]
    del asked["callbacks_for"], asked["after_training"]
    assert asked == {
        "systems": ["naive_softmax/cooccurrence", "negative_sampling/stream"],
        "negatives": [2, 3],
        "seeds": 2,
        "seed": 11,
        "epochs": {"stream": 7, "cooccurrence": 1},
        "learning_rates": {"stream": None, "cooccurrence": 1.0},
        "dim": 4,
        "window": 3,
        "shrink_window": False,
        "subsample": 0.0,
        "initial_scale": 2.0,
        "noise_exponent": 1.0,
        "threads": 1,
        "heldout_fraction": 0.1,
        "split_seed": 6,
        "evaluation_window": 4,
        "evaluation_subsample": 0.0,
        "heldout_centers": 100,
    }


def test_without_tracking_mlflow_is_never_imported(text: Path, in_folder: Path) -> None:
    code = textwrap.dedent(
        f"""
        import sys
        import nw2v.comparison
        from nw2v.cli import main
        from nw2v.errors import InputError

        def compare(corpus, callbacks_for, **options):
            callbacks_for(nw2v.comparison.System("naive_softmax", "stream"), 1)
            raise InputError("so far and no further")

        nw2v.comparison.compare = compare
        status = main({arguments(text, "tracking=none")!r})
        print("STATUS", status, "mlflow" in sys.modules)
        """
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.splitlines()[-1] == "STATUS 2 False", done.stderr
    assert done.stderr.splitlines()[-1] == "nw2v: error: so far and no further"


# --- what is wrong ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ("compare.seeds=0", "compare.seeds=0: expected a whole number from 1 up"),
        ("compare.seeds=1e9", "compare.seeds=1000000000: expected a whole number from 1 to 10,000"),
        (
            "compare.negatives=0",
            "compare.negatives=0: expected a whole number from 1 up, or a list of them",
        ),
        (
            "compare.negatives=[]",
            "compare.negatives is empty: negative_sampling/stream needs a K, such as [5]",
        ),
        (
            "compare.negatives=10001",
            "compare.negatives=10001: expected a whole number from 1 to 10,000",
        ),
        (
            "compare.negatives=null",
            "compare.negatives=null: expected a whole number from 1 up, or a list of them",
        ),
        (
            "compare.epochs.stream=0",
            "compare.epochs.stream=0: expected a whole number from 1 to 1,000,000",
        ),
        (
            "compare.epochs.cooccurrence=1.5",
            "compare.epochs.cooccurrence=1.5: expected a whole number from 1 to 1,000,000",
        ),
        (
            "compare.learning_rate.stream=nan",
            "compare.learning_rate.stream=nan: expected a number above 0 up to 100",
        ),
        (
            "compare.learning_rate.cooccurrence=-1",
            "compare.learning_rate.cooccurrence=-1.0: expected a number above 0 up to 100",
        ),
        ("compare.threads=0", "compare.threads=0: expected a whole number from 1 to 4,096"),
        ("compare.noise_exponent=x", None),
        ("model.dim=0", "model.dim=0: expected a whole number from 1 to 10,000"),
        (
            "evaluation.heldout_fraction=2",
            "evaluation.heldout_fraction=2.0: expected a number from 0 to 0.5",
        ),
        (
            "evaluation.heldout_fraction=0",
            "evaluation.heldout_fraction=0: systems are compared on held-out text: take a number "
            "above 0 up to 0.5, such as 0.02",
        ),
        (
            "seed=9223372036854775807",
            "seed=9223372036854775807: with 2 seeds the last is above 9,223,372,036,854,775,807",
        ),
        (
            "compare.systems=[naive_softmax/nope,negative_sampling/stream]",
            "compare.systems: 'naive_softmax/nope' is no system: write LOSS/TRAINER, with "
            "naive_softmax or negative_sampling and stream or cooccurrence",
        ),
        (
            "compare.systems=naive_softmax/cooccurrence",
            "a comparison needs two systems, got naive softmax, cooccurrence: give more in "
            "compare.systems or compare.negatives",
        ),
        (
            "compare.systems=null",
            "a comparison needs two systems, got none: give more in compare.systems or "
            "compare.negatives",
        ),
        (
            "tracking.vectors=all",
            "tracking.vectors=all: expected none: a comparison keeps no vectors",
        ),
        ("tracking.uri=file:mlruns", None),
        ("compare=3", "compare=3: 'compare' holds keys, such as compare.epochs.cooccurrence"),
        (
            "compare.epochs=3",
            "compare.epochs=3: 'compare.epochs' holds keys, such as compare.epochs.cooccurrence",
        ),
        (
            "compare.seed=3",
            "no configuration key 'compare.seed'; did you mean compare.seeds?",
        ),
        ("+compare.extra=3", None),
        (
            "trainer.epochs=3",
            "trainer.epochs=3: nw2v compare has no trainer.epochs: there are compare.epochs.stream "
            "and compare.epochs.cooccurrence",
        ),
        (
            "trainer.optimizer=sgd",
            "trainer.optimizer=sgd: nw2v compare has no trainer.optimizer: compare.systems names "
            "losses and trainers, which have their studied settings",
        ),
        (
            "evaluation.vectors=sum",
            "evaluation.vectors=sum: nw2v compare has no evaluation.vectors: center vectors V and "
            "V + U are both scored",
        ),
        ("~compare.seeds", "the configuration has no compare.seeds"),
        ("-m", compare_module.NO_SWEEPS),
        ("hydra.mode=MULTIRUN", compare_module.NO_SWEEPS),
        ("seed=1,2", f"seed=1,2: {compare_module.NO_SWEEPS}"),
        (
            "--sweep",
            "unrecognized arguments: --sweep; 'nw2v compare --help' lists keys and options",
        ),
        (
            "loss=naive_softmax",
            "loss=naive_softmax: nw2v compare has no loss: compare.systems names losses and "
            "trainers, such as naive_softmax/cooccurrence",
        ),
        *(
            (
                f"{sign}experiment=quick",
                f"{sign}experiment=quick: nw2v compare has no experiment: the presets are those of "
                "nw2v train",
            )
            for sign in ("", "+")
        ),
        ("corpus.path=no/such.txt", "corpus.path=no/such.txt: no such file or folder"),
        ("corpus.path=null", "corpus=file needs corpus.path=FILE_OR_FOLDER"),
        ("evaluation.analogies=[no.txt]", None),
        ("evaluation.similarity=[no.txt]", None),
    ],
)
def test_what_is_wrong_is_found_before_anything_is_read(
    wrong: str,
    message: str | None,
    text: Path,
    in_folder: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(compare_module, "open_corpus", None)
    assert main(arguments(text, wrong)) == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("nw2v: error: ") and captured.err.count("\n") == 1
    if message is not None:
        assert captured.err == f"nw2v: error: {message}\n"
    assert not captured.out
    assert list(in_folder.iterdir()) == []


def test_an_output_folder_that_cannot_be_made(
    text: Path, in_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("file").write_text("")
    assert main(arguments(text, "tracking=none", "hydra.run.dir=file/run")) == 2
    expected = f"cannot write the output folder {in_folder}/file/run: {in_folder}/file is a file"
    assert capsys.readouterr().err == f"nw2v: error: {expected}\n"


def test_a_text_too_short_to_hold_anything_out(
    in_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = in_folder / "short.txt"
    path.write_text("one two three\n")
    assert main(arguments(path, "tracking=none")) == 2
    captured = capsys.readouterr()
    assert captured.err.splitlines()[-1].startswith(
        "nw2v: error: evaluation.heldout_fraction: nothing can be held out of short"
    )
    assert "Traceback" not in captured.err and "Error executing job" not in captured.err


# --- the configuration --------------------------------------------------------------------------


def compose_one(*words: str) -> dict[str, Any]:
    (config,) = compose_all(parse_command_line(words), "compare", COMPARISON_SETTINGS)
    return plain(config)


def documented(name: str) -> dict[str, str]:
    """Key and default of each row of the tables in a document."""
    text = (REPOSITORY / "docs" / name).read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([a-z_.]+)` \| ([^|]+) \| [^|]+ \|$", text, flags=re.MULTILINE)
    return {key: default.strip().strip("`") for key, default in rows}


def test_every_leaf_is_a_known_setting_and_documented_with_its_default() -> None:
    given = leaves(compose_one())
    assert sorted(given) == sorted(COMPARISON_SETTINGS)
    own = documented("comparing.md")
    assert {key for key in own if not key.startswith("tracking.")} == {
        key for key in given if key.startswith("compare.")
    }
    rows = {**documented("configuration.md"), **own}
    for key, value in given.items():
        default = yaml.safe_load(rows[key])
        assert (float(default) if isinstance(value, float) else default) == value, key


def test_every_setting_is_read() -> None:
    assert sorted(read_comparison(compose_one())) == sorted(COMPARISON_SETTINGS)
    options = [f"corpus={path.stem}" for path in (config_folder() / "corpus").glob("*.yaml")]
    for option in [*options, "tracking=none", "tracking=mlflow"]:
        read = read_comparison(compose_one(option))
        group, name = option.split("=")
        assert (read[f"{group}.name"], read["tracking.vectors"]) == (name, "none")


def test_defaults_are_those_of_the_python_functions() -> None:
    import inspect

    from nw2v.comparison import compare

    read = read_comparison(compose_one())
    signature = inspect.signature(compare).parameters
    for name in ("systems", "negatives", "seeds"):
        default = signature[name].default
        assert read[f"compare.{name}"] == (list(default) if name != "seeds" else default)
    defaults = inspect.signature(nw2v.train).parameters
    for name, value in compare_module._shared(read).items():
        assert value == defaults[name].default, name


def test_values_may_be_written_in_other_ways() -> None:
    read = read_comparison(
        compose_one(
            "compare.negatives=3", "compare.systems=a/b", "compare.seeds=1e1",
            "compare.epochs.stream=1e1", "compare.learning_rate.stream=1",
        )
    )  # fmt: skip
    assert (read["compare.negatives"], read["compare.systems"]) == ([3], ["a/b"])
    assert (read["compare.seeds"], read["compare.epochs.stream"]) == (10, 10)
    assert type(read["compare.learning_rate.stream"]) is float
    with pytest.raises(InputError, match=r"compare\.negatives="):
        read_comparison(compose_one("compare.negatives=[1,x]"))


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        (["--help"], "nw2v compare: naive softmax and negative sampling on the same text"),
        (["--cfg", "job"], "compare:\n  systems:\n  - naive_softmax/cooccurrence\n"),
        (["--cfg", "job", "compare.seeds=0"], "  seeds: 0\n"),
        (["--cfg", "job", "--package", "compare.epochs"], "stream: null"),
        (["--info", "searchpath"], str(config_folder())),
        (["--hydra-help"], "Hydra ("),
    ],
)
def test_what_hydra_prints(
    flags: list[str], expected: str, in_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["compare", *flags]) == 0
    assert expected in capsys.readouterr().out
    assert list(in_folder.iterdir()) == []


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("nw2v comp", set(COMMANDS)),
        ("nw2v compare compare.s", {"compare.seeds=", "compare.systems."}),
        ("nw2v compare tracking=", {"tracking=mlflow", "tracking=none"}),
        ("nw2v compare trainer.ep", set()),
    ],
)
def test_tab_completion(
    line: str, words: set[str], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COMP_LINE", line)
    assert main(["-sc", "query=bash"]) == 0
    assert set(capsys.readouterr().out.split()) == words


# --- what ends in the middle --------------------------------------------------------------------


def tracked_in(compared: Compared, experiment: str) -> list[str]:
    """Use the store that is there already: a new one takes seconds."""
    return [f"tracking.uri={compared.folder / 'mlflow.db'}", f"tracking.experiment={experiment}"]


@OF_MLFLOW
def test_a_system_that_diverges_ends_with_a_report_and_status_1(
    text: Path,
    in_folder: Path,
    compared: Compared,
    capsys: pytest.CaptureFixture[str],
) -> None:
    more = ["hydra.run.dir=run", "compare.seeds=1", "compare.learning_rate.stream=100"]
    more += ["tracking.run_name=mine", *tracked_in(compared, "diverging")]
    assert main(arguments(text, *more)) == 1
    captured = capsys.readouterr()
    lost = f"{SYSTEMS[1]} diverged at learning rate 100 with 1 of 1 seed (1) and is left out: "
    lost += "lower compare.learning_rate.stream."
    assert captured.err.splitlines()[-1] == f"nw2v: error: {lost} The others were compared."
    note = f"note: {SYSTEMS[1]}, seed 1 diverged; the comparison goes on without its system"
    assert captured.err.splitlines().count(note) == 1
    assert "Error executing job" not in captured.err
    assert re.search(rf"^{SYSTEMS[1]} +diverged$", captured.out, flags=re.MULTILINE)
    assert lost in Path("run/report.md").read_text(encoding="utf-8")
    assert "the training loss became" in Path("run/compare.log").read_text(encoding="utf-8")
    parent, children = compared.runs("diverging")
    assert (parent.info.run_name, parent.info.status) == ("mine", "FAILED")
    assert parent.data.tags["failure"] == f"FailedJobsError: {lost} The others were compared."
    assert [run.info.status for run in children] == ["FINISHED", "FAILED"]
    artifacts = {item.path for item in compared.client.list_artifacts(parent.info.run_id)}
    assert artifacts == WRITTEN | {"diverged.csv"}
    assert len(parent.data.metrics) == 1


def test_where_all_diverge_what_is_known_is_kept(
    text: Path, in_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    more = ["hydra.run.dir=run", "compare.learning_rate.stream=100", "tracking=none"]
    more += ["compare.systems=negative_sampling/stream", "compare.negatives=[2,5]"]
    assert main(arguments(text, *more)) == 1
    captured = capsys.readouterr()
    last = captured.err.splitlines()[-1]
    assert last.startswith("nw2v: error: no system is left to compare. negative sampling K=2, ")
    assert not captured.out
    assert {path.name for path in Path("run").iterdir()} == {"compare.log", ".hydra"}


@OF_MLFLOW
def test_a_failure_in_the_middle_marks_the_parent_failed(
    text: Path,
    in_folder: Path,
    compared: Compared,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    original: Callable[..., Any] = nw2v.api.train

    def explode(*corpus: Any, **options: Any) -> Any:
        if options["loss"] == "negative_sampling":
            raise InputError("the text has gone")
        return original(*corpus, **options)

    monkeypatch.setattr("nw2v.api.train", explode)
    more = ["hydra.run.dir=run", *tracked_in(compared, "failing")]
    assert main(arguments(text, *more)) == 2
    captured = capsys.readouterr()
    assert captured.err.splitlines()[-1] == "nw2v: error: the text has gone"
    assert "Error executing job" not in captured.err and not captured.out
    parent, children = compared.runs("failing")
    assert parent.info.status == "FAILED"
    assert parent.data.tags["failure"] == "InputError: the text has gone"
    assert [run.info.status for run in children] == ["FINISHED"]
    # What was known before is kept.
    kept = {path.name for path in Path("run").iterdir()}
    assert kept == {"compare.log", ".hydra", "scores.csv", "curves.csv"}
    assert "Traceback" in Path("run/compare.log").read_text()


def test_what_has_no_effect_and_what_the_text_is_like_are_told_once(
    in_folder: Path, already_compared: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    path = in_folder / "commas.txt"
    path.write_text("some words, and others, and more, with commas, and more words,\n" * 50)
    more = [
        "compare.systems=[naive_softmax/cooccurrence,naive_softmax/stream]",
        "compare.negatives=[1,2]",
        "compare.noise_exponent=1",
    ]
    assert main(arguments(path, "tracking=none", *more)) == 0
    lines = capsys.readouterr().err.splitlines()
    draws = "no system of compare.systems draws negatives"
    (hint,) = already_compared["corpus"].hints
    assert [line for line in lines if line.startswith("note: ")] == [
        f"note: compare.negatives is ignored: {draws}",
        f"note: compare.noise_exponent is ignored: {draws}",
        f"note: {hint}",
    ]


def test_what_is_set_for_a_trainer_that_no_system_has() -> None:
    words = [
        "compare.systems=negative_sampling/cooccurrence", "compare.negatives=[1,2]",
        "compare.epochs.stream=1", "compare.learning_rate.cooccurrence=0.1",
    ]  # fmt: skip
    (note,) = compare_module._notes(read_comparison(compose_one(*words)))
    assert note == "compare.epochs.stream is ignored: no system of compare.systems has that trainer"


@OF_MLFLOW
def test_an_interrupt_marks_the_runs_killed(
    text: Path,
    in_folder: Path,
    compared: Compared,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from nw2v.training.progress import ProgressBar

    def interrupt(self: ProgressBar, report: object) -> None:
        os.kill(os.getpid(), signal.SIGINT)

    monkeypatch.setattr(ProgressBar, "epoch", interrupt)
    more = ["hydra.run.dir=run", *tracked_in(compared, "interrupted")]
    assert main(arguments(text, *more)) == 130
    captured = capsys.readouterr()
    assert captured.err.splitlines()[-1] == "nw2v: interrupted" and not captured.out
    parent, children = compared.runs("interrupted")
    assert [run.info.status for run in (parent, *children)] == ["KILLED", "KILLED"]
    assert "interrupted" in Path("run/compare.log").read_text()


def test_a_failure_that_is_none_of_the_users_is_told_once(
    text: Path, in_folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*corpus: Any, **options: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("nw2v.comparison.compare", full)
    assert main(arguments(text, "tracking=none")) == 1
    err = capsys.readouterr().err
    assert err.splitlines()[-1].startswith("nw2v: error: OSError: [Errno 28] No space left")
    assert "Error executing job" not in err


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_a_full_standard_output_is_no_failed_comparison(
    text: Path, in_folder: Path, already_compared: dict[str, Any]
) -> None:
    err = io.StringIO()
    full = Path("/dev/full").open("w")  # noqa: SIM115
    with contextlib.redirect_stdout(full), contextlib.redirect_stderr(err):
        assert main(arguments(text, "tracking=none", "hydra.run.dir=run")) == 1
    with contextlib.suppress(OSError):
        full.close()
    assert err.getvalue().splitlines()[-1] == (
        "nw2v: error: standard output cannot be written: No space left on device"
    )
    assert Path("run/report.html").exists()
    assert "failed" not in Path("run/compare.log").read_text()
