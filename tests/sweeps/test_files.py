"""Tests of what a sweep and its jobs write about themselves."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from nw2v.errors import InputError
from nw2v.sweeps.files import (
    JobRecord,
    SweepRecord,
    identity,
    job_folders,
    keys_that_differ,
    without_effect,
)

SOFTMAX: dict[str, Any] = {"loss.name": "naive_softmax", "loss.negatives": None, "seed": 1}
SAMPLING: dict[str, Any] = {"loss.name": "negative_sampling", "loss.negatives": 5, "seed": 1}


def a_job(**changed: Any) -> JobRecord:
    return JobRecord(
        **{"job": 3, "status": "FINISHED", "identity": "ab", "settings": SAMPLING, **changed}
    )


def test_records_are_read_as_they_were_written(tmp_path: Path) -> None:
    job = a_job(seconds={"total": 1.5}, failure="ValueError: no")
    job.write(tmp_path)
    assert JobRecord.read(tmp_path) == job
    sweep = SweepRecord("nw2v train -m", ["seed=1,2"], [], ["m"], ["maximize"], ["seed"])
    sweep.write(tmp_path)
    assert SweepRecord.read(tmp_path) == sweep


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is damaged"),
        ("[]", "it holds no mapping"),
        ('{"version": 99}', "has version 99, this nw2v reads version 1"),
        ('{"version": 1, "job": 1}', "it has no status"),
    ],
)
def test_a_damaged_record_is_named(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "job.json").write_text(text)
    with pytest.raises(InputError, match=message) as caught:
        JobRecord.read(tmp_path)
    assert str(tmp_path / "job.json") in str(caught.value)


def test_a_status_that_there_is_not(tmp_path: Path) -> None:
    a_job(status="LOST").write(tmp_path)
    with pytest.raises(InputError, match="LOST"):
        JobRecord.read(tmp_path)


def test_a_record_too_large_to_be_one_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "job.json").write_text(json.dumps({"version": 1, "more": "x" * 4_000_000}))
    with pytest.raises(InputError, match="larger than"):
        JobRecord.read(tmp_path)


def test_no_sweep_in_a_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        SweepRecord.read(tmp_path)


def test_folders_come_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    for name in ("10", "2", "named/inside"):
        (tmp_path / name).mkdir(parents=True)
        a_job().write(tmp_path / name)
    assert [folder.name for folder in job_folders(tmp_path)] == ["2", "10", "inside"]


def test_what_has_no_effect_makes_no_other_job() -> None:
    assert identity(SOFTMAX) == identity(SOFTMAX | {"loss.negatives": 15})
    assert identity(SAMPLING) != identity(SAMPLING | {"loss.negatives": 15})
    assert identity(SAMPLING) == identity(SAMPLING | {"tracking.uri": "x", "sweep.metric": "y"})
    assert identity(SAMPLING) != identity(SAMPLING | {"seed": 2})
    assert without_effect(SOFTMAX) == ["loss.negatives", "loss.noise_exponent"]
    assert without_effect(SAMPLING) == ["trainer.batch_windows"]


def test_swept_is_what_differs_where_it_has_an_effect() -> None:
    assert keys_that_differ([]) == []
    assert keys_that_differ([SAMPLING]) == []
    assert keys_that_differ([SOFTMAX, SAMPLING]) == ["loss.name"]
    more = SAMPLING | {"loss.negatives": 15}
    assert keys_that_differ([SOFTMAX, SAMPLING, more]) == ["loss.name", "loss.negatives"]
    assert keys_that_differ([SAMPLING, SAMPLING | {"seed": 2, "tracking.uri": "x"}]) == ["seed"]
