"""Tests of how `nw2v ui` calls the server."""

from __future__ import annotations

from typing import Any

import pytest

from nw2v.cli import main


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ([], {}),
        (["--port", "5123"], {"port": 5123}),
        (["--uri", "runs.db", "--experiment", "mine"], {"uri": "runs.db", "experiment": "mine"}),
        (["outputs/run", "--host", "0.0.0.0"], {"run": "outputs/run", "host": "0.0.0.0"}),
        (["--open"], {"in_browser": True}),
    ],
)
def test_what_is_given_reaches_the_server(
    arguments: list[str], expected: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    def run_ui(uri: str | None, **options: Any) -> int:
        calls.append({"uri": uri, **options})
        return 0

    monkeypatch.setattr("nw2v.tracking.ui.run_ui", run_ui)
    assert main(["ui", *arguments]) == 0
    default = {
        "uri": None,
        "port": None,
        "host": "127.0.0.1",
        "run": None,
        "experiment": None,
        "in_browser": False,
    }
    assert calls == [default | expected]


def test_without_a_store_there_is_nothing_to_show(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    assert main(["ui"]) == 2
    captured = capsys.readouterr()
    assert "mlflow.db" in captured.err and captured.err.count("\n") == 1
