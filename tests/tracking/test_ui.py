import itertools
import json
import os
import signal
import socket
import sys
import time
import urllib.request

import pytest

from nw2v.errors import InputError
from nw2v.tracking import processes
from nw2v.tracking import ui as ui_module
from nw2v.tracking.server_pages import experiment_url, find_run, newest_run
from nw2v.tracking.ui import build_ui_command, run_ui, ui_environment


@pytest.fixture
def taken_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield listener.getsockname()[1]


def test_the_command():
    command = build_ui_command("sqlite:////data/mlflow.db", 5001)
    assert command[:4] == [sys.executable, "-m", "mlflow", "server"]
    options = dict(itertools.pairwise(command))
    assert options["--backend-store-uri"] == "sqlite:////data/mlflow.db"
    assert options["--artifacts-destination"] == "file:///data/mlartifacts"
    assert options["--host"] == "127.0.0.1"
    assert options["--port"] == "5001"
    assert options["--workers"] == "1"


def test_the_users_environment_has_the_last_word(monkeypatch):
    monkeypatch.delenv("MLFLOW_DISABLE_TELEMETRY", raising=False)
    assert ui_environment()["MLFLOW_DISABLE_TELEMETRY"] == "true"
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "false")
    assert ui_environment()["MLFLOW_DISABLE_TELEMETRY"] == "false"


def test_the_address_opens_the_view_for_training():
    assert experiment_url("http://h:1/", "7") == (
        "http://h:1/#/experiments/7/runs?workflowType=machine_learning"
    )
    assert experiment_url("http://h:1") == "http://h:1/#/experiments?workflowType=machine_learning"


def test_no_store(tmp_path):
    with pytest.raises(InputError, match=r"no MLflow store .*mlflow\.db: train first"):
        run_ui("mlflow.db")
    assert list(tmp_path.iterdir()) == []


def test_a_port_that_is_taken(taken_port, monkeypatch):
    with pytest.raises(InputError, match=f"port {taken_port} of 127.0.0.1 is taken: the next free"):
        ui_module._choose_port("127.0.0.1", taken_port)
    monkeypatch.setattr(ui_module, "DEFAULT_PORT", taken_port)
    chosen = ui_module._choose_port("127.0.0.1", None)  # nobody asked for this very one
    assert taken_port < chosen < taken_port + 200


@pytest.mark.parametrize("port", [0, -1, 65536])
def test_a_port_that_does_not_exist(port):
    with pytest.raises(InputError, match=f"--port {port} is not between"):
        ui_module._choose_port("127.0.0.1", port)


def test_a_remote_server_that_is_away_is_named_all_the_same():
    lines: list[str] = []
    assert run_ui("http://user:secret@127.0.0.1:9/", tell=lines.append) == 0
    assert lines[0] == "The runs are on a server."
    assert lines[1].startswith("Open http://127.0.0.1:9/#/experiments?workflowType")
    assert "does not work at the moment" in lines[1]


def test_a_server_that_does_not_start(monkeypatch, store_uri):
    code = "import sys; print('no such option'); sys.exit(3)"
    monkeypatch.setattr(ui_module, "build_ui_command", lambda *_: [sys.executable, "-c", code])
    lines: list[str] = []
    assert run_ui(store_uri, tell=lines.append) == 1
    assert lines[-1] == "MLflow's server did not start:\nno such option"
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


@pytest.mark.skipif(not hasattr(signal, "SIGHUP"), reason="this platform has no SIGHUP")
@pytest.mark.parametrize("ignored", [False, True])
def test_a_closed_terminal_ends_the_server(monkeypatch, store_uri, ignored):
    code = "import time; time.sleep(600)"
    monkeypatch.setattr(ui_module, "build_ui_command", lambda *_: [sys.executable, "-c", code])
    processes_seen = []

    def hang_up(process, server):
        processes_seen.append(process)
        os.kill(os.getpid(), signal.SIGHUP)
        return False

    monkeypatch.setattr(ui_module, "_wait_until_up", hang_up)
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN if ignored else signal.SIG_DFL)
    try:
        assert run_ui(store_uri, tell=lambda line: None) == (1 if ignored else 0)
        assert signal.getsignal(signal.SIGHUP) == (signal.SIG_IGN if ignored else signal.SIG_DFL)
    finally:
        signal.signal(signal.SIGHUP, before)
    assert processes_seen[0].poll() is not None


@pytest.mark.skipif(os.name == "nt", reason="Windows has neither process groups nor SIGINT")
def test_the_server_and_all_its_processes_end(monkeypatch, store_uri, tmp_path):
    """A server that ignores all politeness, and a process that it has started."""
    code = (
        "import os, signal, subprocess, sys, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        f"open({str(tmp_path / 'pids')!r}, 'w').write(f'{{os.getpid()}} {{child.pid}}')\n"
        "time.sleep(600)\n"
    )
    monkeypatch.setattr(ui_module, "build_ui_command", lambda *_: [sys.executable, "-c", code])
    monkeypatch.setattr(ui_module, "_STOP_SECONDS", 0.2)

    def interrupt(process, server):
        deadline = time.monotonic() + 60
        while not (tmp_path / "pids").exists() or not (tmp_path / "pids").read_text():
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.01)
        raise KeyboardInterrupt

    monkeypatch.setattr(ui_module, "_wait_until_up", interrupt)
    assert run_ui(store_uri, tell=lambda line: None) == 0
    for pid in (tmp_path / "pids").read_text().split():
        for _ in range(1000):  # a killed process takes a moment to be gone
            if not processes._exists(int(pid)):
                break
            time.sleep(0.01)
        else:
            pytest.fail(f"process {pid} still runs")


@pytest.mark.skipif(os.name == "nt", reason="Windows has neither process groups nor SIGINT")
def test_a_second_interrupt_does_not_break_off_the_ending(monkeypatch, store_uri):
    code = "import time; time.sleep(600)"
    monkeypatch.setattr(ui_module, "build_ui_command", lambda *_: [sys.executable, "-c", code])
    started = []

    def interrupt(process, server):
        started.append(process)
        raise KeyboardInterrupt

    signal_group = ui_module._signal_group

    def interrupt_again(group, number):
        if number == signal.SIGTERM:
            os.kill(os.getpid(), signal.SIGINT)
        return signal_group(group, number)

    monkeypatch.setattr(ui_module, "_wait_until_up", interrupt)
    monkeypatch.setattr(ui_module, "_signal_group", interrupt_again)
    before = signal.getsignal(signal.SIGINT)
    assert run_ui(store_uri, tell=lambda line: None) == 0
    assert started[0].poll() is not None
    assert signal.getsignal(signal.SIGINT) is before


def test_the_real_server(ui):
    server, _, place = ui.partition("/#/")
    assert place == "experiments/0/runs?workflowType=machine_learning"
    with urllib.request.urlopen(
        f"{server}/api/2.0/mlflow/experiments/get-by-name?experiment_name=Default", timeout=60
    ) as answer:
        assert json.load(answer)["experiment"]["experiment_id"] == "0"
    lines: list[str] = []
    assert run_ui(server, experiment="Default", tell=lines.append) == 0
    assert lines == ["The runs are on a server.", f"Open {ui}"]


def test_a_run_is_found_by_id_name_and_folder(ui, store_uri, experiment, tmp_path):
    from nw2v.tracking.store import open_store

    server = ui.partition("/#/")[0]
    store = open_store(store_uri, experiment)
    assert newest_run(server, store.experiment_id) is None
    parent, child = (
        store.client.create_run(
            store.experiment_id,
            start_time=moment,
            run_name=name,
            tags={"nw2v.output_folder": place},
        ).info.run_id
        for moment, name, place in (
            (1000, "it's a parent", str(tmp_path / "multirun")),
            (2000, "a child", str(tmp_path / "multirun" / "0")),
        )
    )
    view = "?workflowType=machine_learning"
    pages = f"{server}/#/experiments/{store.experiment_id}/runs"
    assert newest_run(server, store.experiment_id) == f"{pages}/{child}{view}"
    store.client.set_tag(child, "mlflow.parentRunId", parent)
    assert newest_run(server, store.experiment_id) == f"{pages}/{parent}{view}"
    for name in (child, "a child", "multirun/0", str(tmp_path / "multirun" / "0")):
        assert find_run(server, name) == f"{pages}/{child}{view}"
    assert find_run(server, "it's a parent") == f"{pages}/{parent}{view}"
    lines: list[str] = []
    assert run_ui(server, run="a child", tell=lines.append) == 0
    assert lines[1] == f"Open {pages}/{child}{view}"
    with pytest.raises(InputError, match=r"no MLflow run 'nobody': give a run's id"):
        run_ui(server, run="nobody", tell=lines.append)


def test_a_page_opens_in_the_browser_if_that_is_wanted(ui, monkeypatch):
    opened: list[str] = []
    lines: list[str] = []

    def open_nothing(page: str) -> bool:
        opened.append(page)
        return False

    monkeypatch.setattr(ui_module.webbrowser, "open", open_nothing)
    server = ui.partition("/#/")[0]
    assert run_ui(server, experiment="Default", in_browser=True, tell=lines.append) == 0
    assert opened == [ui]
    assert lines[-1] == "(No browser could be started: open the page yourself.)"


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("0.0.0.0", "127.0.0.1"),
        ("::", "[::1]"),
        ("::1", "[::1]"),
        ("box.example.org", "box.example.org"),
    ],
)
def test_the_address_of_every_host_can_be_opened(host, expected):
    assert ui_module._reachable(host) == expected
