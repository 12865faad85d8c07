"""Metrics of a run that wait in memory until its store takes them."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Mapping
from typing import TypeAlias

from nw2v.tracking.run_values import METRICS_A_BATCH, legal_key
from nw2v.tracking.sqlite_client import Metric
from nw2v.tracking.store import first_line

# Metrics that a store which does not answer leaves waiting: beyond this the oldest go.
_WAITING_METRICS = 100_000
# What an unanswering store may hold up the end of a run.
_PATIENCE_SECONDS = 15.0

Sender: TypeAlias = Callable[[list[Metric]], None]


class MetricQueue:
    """Keeps metrics until they are sent, many at a time and beside the training.

    What a store refuses goes on waiting and is sent with the next ones, so that nothing is lost
    while the store is away for a while. Metrics may be added before there is a run to take them.

    Parameters
    ----------
    sender : callable
        Returns what metrics are sent with: it is given the oldest ones, as many as MLflow takes at
        once, and raises if the store does not take them. May wait until the run is made.
    can_send : callable
        Tells whether there is a run that takes metrics; if not, none are sent in the background.
    """

    def __init__(self, sender: Callable[[], Sender], can_send: Callable[[], bool]) -> None:
        self._sender = sender
        self._can_send = can_send
        self._waiting: list[Metric] = []
        self._waiting_lock = threading.Lock()
        self._lost = 0
        self._sending: threading.Thread | None = None
        self._sending_lock = threading.Lock()
        self._clock_start = 0.0

    def add(self, metrics: Mapping[str, float], step: int) -> None:
        """Take metrics by name, measured now.

        An infinite value becomes NaN, since MLflow would store the largest number there is.
        """
        now = int(time.time() * 1000)
        entries = []
        for name, value in metrics.items():
            number = float(value)
            if math.isinf(number):
                number = math.nan
            entries.append(Metric(legal_key(name), number, now, int(step)))
        with self._waiting_lock:
            self._waiting += entries
            excess = len(self._waiting) - _WAITING_METRICS
            if excess > 0:
                del self._waiting[:excess]
                self._lost += excess

    def start_clock(self) -> None:
        """Count the time of `is_due` from now on."""
        self._clock_start = time.monotonic()

    def is_due(self, seconds: float) -> bool:
        """Tell whether that long ago the clock was started, which sending does too."""
        return time.monotonic() - self._clock_start >= seconds

    def send_in_background(self) -> None:
        """Begin to send all that wait, if there is a run and they are not being sent already."""
        self.start_clock()
        if not self._can_send() or (self._sending is not None and self._sending.is_alive()):
            return
        self._sending = threading.Thread(target=self._send_all, daemon=True)
        self._sending.start()

    def send_rest(self) -> tuple[int, str]:
        """Send all that still wait, in the end; return how many the run lacks, and why.

        Those are given up: what is added later is another run's.
        """
        if self._sending is not None:
            self._sending.join(_PATIENCE_SECONDS)
        if self._sending is None or not self._sending.is_alive():
            reason = self._send_all()
        else:
            reason = "the store does not answer"
        with self._waiting_lock:
            missing = len(self._waiting) + self._lost
            self._waiting.clear()
            self._lost = 0
        return missing, reason or "the store was away for too long"

    def _send_all(self) -> str | None:
        """Send all that wait; what fails goes on waiting, and the reason is returned."""
        send = self._sender()
        with self._sending_lock:
            while True:
                with self._waiting_lock:
                    batch = self._waiting[:METRICS_A_BATCH]
                    del self._waiting[: len(batch)]
                if not batch:
                    return None
                try:
                    send(batch)
                except Exception as error:
                    with self._waiting_lock:
                        self._waiting[:0] = batch
                    return first_line(error)
