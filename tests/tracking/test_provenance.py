import subprocess
import sys

import pytest

from nw2v.tracking.provenance import source_tags

COMMIT = "mlflow.source.git.commit"
DIRTY = "mlflow.source.git.dirty"


@pytest.fixture
def git(tmp_path):
    def run(*arguments: str) -> str:
        command = ["git", "-c", "user.name=a", "-c", "user.email=a@b.c", *arguments]
        done = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True)
        return done.stdout.strip()

    run("init", "-q")
    return run


def test_the_commit_and_whether_files_differ_from_it(git, tmp_path):
    assert COMMIT not in source_tags(tmp_path)  # no commit yet
    (tmp_path / "file").write_text("1")
    git("add", "file")
    git("commit", "-q", "-m", "first")
    (tmp_path / "untracked").mkdir()
    tags = source_tags(tmp_path / "untracked")
    assert tags[COMMIT] == git("rev-parse", "HEAD")
    assert tags[DIRTY] == "false"
    (tmp_path / "file").write_text("2")
    assert source_tags(tmp_path)[DIRTY] == "true"


def test_outside_a_checkout_and_without_git(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert COMMIT not in source_tags(tmp_path)
    monkeypatch.setenv("PATH", "")
    assert COMMIT not in source_tags(tmp_path)
    assert COMMIT not in source_tags(tmp_path / "missing")


def test_the_command_and_the_user(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["/bin/nw2v", "train"])
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", "ann")
    tags = source_tags(tmp_path)
    assert (tags["mlflow.source.name"], tags["mlflow.user"]) == ("/bin/nw2v", "ann")
    monkeypatch.setattr(sys, "argv", [""])
    assert source_tags(tmp_path)["mlflow.source.name"] == "<console>"
