import dataclasses
import logging
import math
import threading

from nw2v.tracking import metric_queue
from nw2v.tracking.metric_queue import MetricQueue
from nw2v.tracking.mlflow_callback import MlflowCallback
from nw2v.tracking.sqlite_client import Metric
from nw2v.training.callbacks import Report

from .conftest import history, opened, read, report, training_start


class Faulty:
    """A client whose store does not take metrics for a while."""

    def __init__(self, client, failures: int):
        self.client, self.failures = client, failures
        self.batches: list[int] = []

    def __getattr__(self, name):
        return getattr(self.client, name)

    def log_batch(self, run_id, metrics=(), params=(), tags=()):
        if self.failures > 0:
            self.failures -= 1
            raise ConnectionError("the store is on holiday\nuntil Monday")
        self.batches.append(len(metrics))
        self.client.log_batch(run_id, metrics=metrics, params=params, tags=tags)


def use_client(callback: MlflowCallback, failures: int = 0) -> Faulty:
    client = Faulty(opened(callback).client, failures)
    callback.store = dataclasses.replace(opened(callback), client=client)
    return client


def test_metrics_wait_and_go_together(new_callback):
    callback = new_callback(flush_seconds=1e9)
    callback.started(training_start())
    client = use_client(callback)
    for step in range(1, 601):
        callback.step(report(step, loss=1.0, seconds=2.0, learning_rate=0.1))
    assert client.batches == []
    callback.epoch(report(601, loss=1.0))
    callback._metrics._sending.join()
    assert client.batches == [1000, 801]
    callback.finished(report(602, loss=1.0))
    assert client.batches == [1000, 801, 1]
    assert len(history(callback, "train/loss")) == 602


def test_after_some_seconds_they_go_by_themselves(new_callback):
    callback = new_callback(flush_seconds=0)
    callback.started(training_start())
    client = use_client(callback)
    callback.step(report(1, loss=1.0))
    callback._metrics._sending.join()
    assert client.batches == [1]
    callback.finished(report(2))


def test_a_store_that_takes_its_time_does_not_hold_up_the_training(new_callback, monkeypatch):
    callback = new_callback(flush_seconds=0)
    callback.started(training_start())
    client = use_client(callback)
    go_on = threading.Event()
    send = client.log_batch

    def slow(*arguments, **options):
        go_on.wait(60)
        send(*arguments, **options)

    monkeypatch.setattr(client, "log_batch", slow)
    for step in range(1, 11):
        callback.step(report(step, loss=float(step)))
    assert client.batches == []
    go_on.set()
    callback.finished(report(11))
    assert history(callback, "train/loss") == [(step, float(step)) for step in range(1, 11)]


def test_what_a_store_refused_is_sent_again(new_callback, caplog):
    callback = new_callback(flush_seconds=1e9)
    callback.started(training_start())
    client = use_client(callback, failures=2)
    for step in (1, 2):
        callback.epoch(report(step, loss=float(step)))
        callback._metrics._sending.join()
    assert client.batches == []
    callback.finished(report(3, loss=3.0))
    assert history(callback, "train/loss") == [(1, 1.0), (2, 2.0), (3, 3.0)]
    assert read(callback).info.status == "FINISHED"
    assert caplog.messages == []


def test_what_could_not_be_sent_is_said_once(new_callback, caplog):
    callback = new_callback()
    callback.started(training_start())
    use_client(callback, failures=1000)
    with caplog.at_level(logging.WARNING):
        callback.epoch(report(1, loss=1.0, seconds=1.0))
        callback.finished(report(2, loss=2.0))
    assert caplog.messages == [
        f"MLflow run {callback.run_id} lacks 3 metrics (the store is on holiday)"
    ]
    assert read(callback).info.status == "FINISHED"


def test_what_waits_is_limited(new_callback, caplog, monkeypatch):
    monkeypatch.setattr(metric_queue, "_WAITING_METRICS", 10)
    callback = new_callback(flush_seconds=1e9)
    callback.started(training_start())
    for step in range(1, 16):
        callback.step(report(step, loss=1.0))
    callback.finished(report(16))
    assert [step for step, _ in history(callback, "train/loss")] == list(range(6, 16))
    assert caplog.messages == [
        f"MLflow run {callback.run_id} lacks 5 metrics (the store was away for too long)"
    ]


def test_values_that_are_no_numbers(new_callback):
    callback = new_callback()
    callback.started(training_start())
    callback.step(report(1, loss=math.nan, grade=math.inf, other=-math.inf))
    callback.finished(report(2))
    for name in ("loss", "grade", "other"):
        ((step, value),) = history(callback, f"train/{name}")
        assert step == 1
        assert math.isnan(value)


def test_names_that_mlflow_refuses(new_callback):
    callback = new_callback()
    callback.started(training_start())
    callback.finished(Report(1, 1, {"analogy/my set/verbs (past); 1st": 0.5}))
    assert history(callback, "analogy/my set/verbs _past__ 1st") == [(1, 0.5)]


def test_what_one_run_lacks_does_not_come_into_the_next():
    taken: list[Metric] = []

    def refuse(metrics: list[Metric]) -> None:
        raise ConnectionError("gone")

    senders = [refuse, taken.extend]
    queue = MetricQueue(lambda: senders[0], lambda: True)
    queue.add({"train/loss": 1.0, "train/seconds": 2.0}, 10)
    assert queue.send_rest() == (2, "gone")
    del senders[0]
    queue.add({"train/loss": 3.0}, 20)
    missing, _ = queue.send_rest()
    assert missing == 0
    assert [(metric.value, metric.step) for metric in taken] == [(3.0, 20)]
