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
from nw2v.tracking.ui import build_ui_command, experiment_url, run_ui, ui_environment


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
    assert "open http://127.0.0.1:9/#/experiments?workflowType" in lines[0]
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


def test_the_real_server(ui):
    server, _, place = ui.partition("/#/")
    assert place == "experiments/0/runs?workflowType=machine_learning"
    with urllib.request.urlopen(
        f"{server}/api/2.0/mlflow/experiments/get-by-name?experiment_name=Default", timeout=60
    ) as answer:
        assert json.load(answer)["experiment"]["experiment_id"] == "0"
    lines: list[str] = []
    assert run_ui(server, experiment="Default", tell=lines.append) == 0
    assert lines == [f"The runs are on a server: open {ui}"]
