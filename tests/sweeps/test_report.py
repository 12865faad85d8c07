"""What the report of a sweep says, and its files."""

import csv
import re
from html.parser import HTMLParser

import numpy as np
import pytest

import nw2v
from nw2v.sweeps.design import goal
from nw2v.sweeps.report import without_passwords
from nw2v.sweeps.terminal import table_text

from .synthetic import accuracy, grid, sweep_of

FAILED = {"status": "FAILED", "failure": "it <b>diverged</b> _now_", "metrics": None}
FILES = {
    *("sweep.csv", "configurations.csv", "report.md", "report.html", "main_effects.png"),
    *("interactions.png", "heatmaps.png", "curves.png", "time_and_quality.png"),
}


@pytest.fixture(scope="module")
def sweep(tmp_path_factory):
    """Two parameters and three seeds, one job failed."""
    generator = np.random.default_rng(5)
    return sweep_of(
        tmp_path_factory.mktemp("a") / "sweep",
        grid(model__window=[2, 5, 10], model__dim=[50, 100], seed=[1, 2, 3]),
        lambda settings: accuracy(settings) + generator.normal(0, 0.002),
        changes={4: FAILED},
        command="nw2v train -m model.window=2,5,10 tracking.uri=postgresql://me:secret@db/x",
    )


@pytest.fixture(scope="module")
def written(sweep, tmp_path_factory):
    return nw2v.sweeps.write_report(sweep, tmp_path_factory.mktemp("report") / "deep" / "folder")


def text_of(written, name):
    (file,) = (path for path in written if path.name == name)
    return file.read_text(encoding="utf-8")


def test_all_files_are_there(written):
    assert {path.name for path in written} == FILES
    assert {path.name for path in written[0].parent.iterdir()} == FILES
    for path in written:
        if path.suffix == ".png":
            assert path.read_bytes().startswith(b"\x89PNG") and path.stat().st_size > 10_000


def test_the_tables_hold_what_the_functions_give(sweep, written):
    frame = nw2v.sweeps.load(sweep)
    header, *rows = csv.reader(text_of(written, "sweep.csv").splitlines())
    assert header == [
        *("job", "model.dim", "model.window", "seed", "analogy/accuracy"),
        *("valid/cross_entropy", "train/seconds", "status"),
    ]
    assert [int(row[0]) for row in rows] == nw2v.sweeps.ranked(frame)["job"].tolist()
    assert rows[-1][0] == "4" and rows[-1][-4:] == ["", "", "", "FAILED"]
    assert len(text_of(written, "configurations.csv").splitlines()) == 7


def test_the_report_says_it_in_plain_words(sweep, written):
    text = text_of(written, "report.md")
    assert text.startswith("# A sweep over model.dim, model.window on kjv\n")
    for part in (
        "18 jobs: 17 finished, 1 failed.",
        "Varied: model.dim (50, 100); model.window (2, 5, 10); seed (1, 2, 3).",
        "Jobs are ranked by analogy/accuracy, more is better.",
        "fingerprint 0123456789abcdef",
        "- Best by analogy/accuracy of 6 configurations: model.dim=100 model.window=5, ",
        "95 % interval",
        "Failed: job 4",
        "loss.negatives 5",
        "postgresql://me:***@db/x",
    ):
        assert part in text
    assert "secret" not in text
    assert set(re.findall(r"\]\((\S+\.png)\)", text)) == {
        name for name in FILES if name.endswith(".png")
    }


def test_the_page_needs_nothing_else_and_runs_nothing(written):
    page = text_of(written, "report.html")
    assert page.count('src="data:image/png;base64,') == 5
    assert "secret" not in page and "<b>" not in page and "&lt;b&gt;diverged" in page
    found = []

    class Look(HTMLParser):
        def handle_starttag(self, tag, attributes):
            found.append((tag, dict(attributes)))

    Look().feed(page)
    assert {tag for tag, _ in found} <= {
        *("html", "head", "meta", "title", "style", "body", "h1", "h2", "p", "pre", "ul", "li"),
        *("table", "thead", "tbody", "tr", "th", "td", "img"),
    }
    assert all(facts["src"].startswith("data:") for tag, facts in found if tag == "img")


def lines_of(tmp_path, jobs, score=accuracy, **options):
    frame = nw2v.sweeps.load(sweep_of(tmp_path / "sweep", jobs, score, **options))
    return nw2v.sweeps.conclusions(frame)


def test_what_cannot_be_told_apart(tmp_path):
    noise = {(2, 1): 0.0, (2, 2): 0.02, (2, 3): -0.02}

    def score(s):
        return 0.5 + 0.004 * (s["model.window"] == 5) + noise.get((s["model.window"], s["seed"]), 0)

    lines = lines_of(tmp_path, grid(model__window=[2, 5], seed=[1, 2, 3]), score)
    line, fastest = (line for line in lines if "told apart" in line)
    assert fastest.startswith("Of those that cannot be told apart from the best, model.window=2")
    assert line.startswith(
        "model.window=5 and model.window=2 cannot be told apart on analogy/accuracy with 3 seeds "
        "(difference 0.40 points, 95 % interval -4.57 to 5.37, p = 0.76"
    )


def test_what_can_be_told_apart_where_less_is_better(tmp_path):
    lines = lines_of(
        tmp_path, grid(model__window=[2, 5], seed=[1, 2, 3]),
        lambda s: accuracy(s) + 1e-4 * s["seed"] * s["model.window"],
        metric=["valid/cross_entropy"], direction=["minimize"],
    )  # fmt: skip
    (line,) = (line for line in lines if "is better than the second" in line)
    assert line.startswith("model.window=5 is better than the second, model.window=2, on valid/")
    ((low, high),) = re.findall(r"interval (\S+) to (\S+), p", line)
    assert 0 < float(low) < 0.06 < float(high)


def test_one_seed_says_nothing_of_seeds(tmp_path):
    lines = lines_of(tmp_path, grid(model__window=[2, 5, 10]))
    assert "With one seed nothing can be said of what other seeds would give." in lines[2]
    assert not any("Seeds alone" in line or "told apart" in line for line in lines)


def test_parameters_and_what_they_do(tmp_path):
    lines = lines_of(tmp_path, grid(model__window=[2, 5, 10], model__dim=[50, 100, 200]))
    wanted = "model.dim: on average 200 is best (43.57) and 50 worst (39.57); it explains 63%"
    assert any(line.startswith(wanted) for line in lines)
    assert "The parameters' effects add up: no two of them change each other's much." in lines
    (time,) = (line for line in lines if line.startswith("Time: "))
    assert time.startswith("Time: model.dim=200 model.window=5 takes 5.25 s of training; the fast")


def test_a_parameter_that_does_nothing(tmp_path):
    lines = lines_of(tmp_path, grid(model__window=[2, 5], model__dim=[50, 100]), lambda s: 0.1)
    assert "model.window makes no difference to analogy/accuracy." in lines
    assert "model.dim makes no difference to analogy/accuracy." in lines


def test_the_same_failure_is_told_once(tmp_path):
    changes = {n: {**FAILED, "failure": "too large"} for n in range(12)}
    changes[12] = {"status": "KILLED", "failure": None, "metrics": None}
    lines = lines_of(tmp_path, grid(model__dim=range(10, 150, 10)), changes=changes)
    assert lines[0] == "14 jobs: 1 finished, 1 killed, 12 failed."
    assert lines[1] == "Failed: jobs 0, 1, 2, 3, 4, 5, 6, 7, 8, 9 and 2 more (too large)."
    assert lines[2] == "Interrupted: job 12 (no reason known)."


def test_a_text_that_was_changed_between_jobs(tmp_path):
    changes = {0: {"corpus_fingerprint": "old"}}
    lines = lines_of(tmp_path / "a", grid(seed=(1, 2, 3)), changes=changes)
    assert lines[1].startswith("The text was changed between jobs")
    lines = lines_of(tmp_path / "b", grid(seed=(1, 2, 3)))
    assert not any("text" in line for line in lines)


def test_a_metric_that_nobody_measured(tmp_path):
    lines = lines_of(tmp_path, grid(seed=[1, 2]), metric=["similarity/men/spearman"])
    assert lines[-1] == (
        "No finished job has similarity/men/spearman (sweep.metric): nothing can be ranked. There "
        "are analogy/accuracy, train/loss, train/seconds, valid/cross_entropy."
    )


def test_several_objectives_have_a_front(tmp_path):
    folder = sweep_of(
        tmp_path / "sweep", grid(model__window=[2, 5, 10]),
        metric=["analogy/accuracy", "train/seconds"], direction=["maximize", "minimize"],
    )  # fmt: skip
    frame = nw2v.sweeps.load(folder)
    assert goal(frame) == ("analogy/accuracy", "maximize")
    assert goal(frame, "train/seconds") == ("train/seconds", "minimize")
    assert nw2v.sweeps.conclusions(frame)[-1] == (
        "Not beaten in all of analogy/accuracy, train/seconds at once: jobs 0, 1."
    )


@pytest.mark.parametrize(
    ("jobs", "options", "pictures"),
    [
        ([], {}, set()),
        ([{"model.window": 5}], {}, {"curves.png"}),
        (grid(seed=[1, 2]), {}, {"curves.png"}),
        (grid(model__dim=[50, 100]), {"changes": {0: FAILED, 1: FAILED}}, set()),
    ],
)
def test_a_report_of_little(tmp_path, jobs, options, pictures):
    folder = sweep_of(tmp_path / "sweep", jobs, **options)
    written = nw2v.sweeps.write_report(folder, tmp_path / "report")
    assert {path.name for path in written if path.suffix == ".png"} == pictures
    assert {"sweep.csv", "report.md", "report.html"} <= {path.name for path in written}


def test_a_sweep_that_goes_on(tmp_path):
    running = {"status": "RUNNING", "metrics": None}
    folder = sweep_of(tmp_path / "s", grid(model__window=[2, 5, 10]), changes={2: running})
    text = text_of(nw2v.sweeps.write_report(folder, folder), "report.md")
    assert "3 jobs: 2 finished, 1 running. The sweep is not over" in text


def test_a_damaged_history_costs_one_picture(tmp_path):
    folder = sweep_of(tmp_path / "sweep", grid(model__window=[2, 5, 10]))
    (folder / "1" / "history.csv").write_text("step,x\n1,word\n")
    written = nw2v.sweeps.write_report(folder, tmp_path / "report")
    names = {path.name for path in written}
    assert "main_effects.png" in names and "curves.png" not in names
    assert "There is no picture of the curves: " in text_of(written, "report.md")


def test_a_folder_that_cannot_be_made(sweep, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(nw2v.InputError, match="cannot make the folder"):
        nw2v.sweeps.write_report(sweep, tmp_path / "file" / "report")


def test_the_terminals_table(sweep):
    table = nw2v.sweeps.ranked(nw2v.sweeps.load(sweep))
    lines = table_text(table).splitlines()
    assert lines[0].split() == list(table.columns) and len(lines) == 19
    assert lines[-1].split() == ["4", "100", "2", "2", "FAILED"]
    assert table_text(table, 3).splitlines()[-1] == "... 15 more jobs"


def test_passwords_are_hidden():
    text = "x tracking.uri=mysql+pymysql://me:p:w@db:3306/a and https://host:5000/a"
    assert without_passwords(text) == (
        "x tracking.uri=mysql+pymysql://me:***@db:3306/a and https://host:5000/a"
    )
