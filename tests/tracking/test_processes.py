import os
import subprocess
import sys

import pytest

from nw2v.tracking import processes
from nw2v.tracking.processes import has_vanished, process_tags


@pytest.fixture
def other_process():
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    yield process
    process.kill()
    process.wait()


def tags_of(pid: int) -> dict[str, str]:
    return process_tags() | {
        "nw2v.pid": str(pid),
        "nw2v.process_started": processes._started(pid) or "",
    }


def test_this_process_is_here():
    assert process_tags()["nw2v.pid"] == str(os.getpid())
    assert process_tags()["nw2v.process_started"]
    assert not has_vanished(process_tags())


def test_a_process_is_here_until_it_ends(other_process):
    tags = tags_of(other_process.pid)
    assert not has_vanished(tags)
    other_process.kill()
    if sys.platform == "linux":
        os.waitid(os.P_PID, other_process.pid, os.WEXITED | os.WNOWAIT)
        assert has_vanished(tags)  # ended, though its parent has not read its status yet
    other_process.wait()
    assert has_vanished(tags)


def test_two_processes_with_the_same_number_differ_by_their_start(other_process):
    tags = tags_of(other_process.pid)
    assert tags["nw2v.process_started"] != process_tags()["nw2v.process_started"]
    assert has_vanished(tags | {"nw2v.process_started": "before"})


@pytest.mark.parametrize(
    "tags",
    [
        {"nw2v.host": "elsewhere"},
        {"nw2v.machine": "another container"},
        {"nw2v.pid": ""},
        {"nw2v.pid": "-1"},
        {"nw2v.process_started": ""},
    ],
)
def test_what_cannot_be_known_has_not_vanished(tags):
    assert not has_vanished(process_tags() | tags)
    assert not has_vanished({})
