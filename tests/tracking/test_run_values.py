import pytest

from nw2v.tracking.run_values import flatten, legal_key

from .conftest import read, report, training_start


def test_more_parameters_than_mlflow_takes_at_once(new_callback):
    callback = new_callback(configuration={f"key{i}": i for i in range(250)})
    callback.started(training_start())
    callback.finished(report(1))
    assert len(read(callback).data.params) == 253


def test_flatten():
    nested = {"a": {"b": 1, "c": {"d": None}}, "e.f": [1, {"g": 2}], "h": {}}
    assert flatten(nested) == {"a.b": 1, "a.c.d": None, "e.f": [1, {"g": 2}], "h": {}}


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("train/loss", "train/loss"),
        ("a/../b", "a/b"),
        ("/a//b/", "a/b"),
        ("50 %", "50 _"),
        ("...", "_"),
        ("x" * 300, "x" * 250),
    ],
)
def test_legal_key(name, expected):
    assert legal_key(name) == expected
