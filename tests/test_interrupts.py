"""An interrupt in the middle of a wait is an interrupt."""

from __future__ import annotations

import threading

import pytest

import nw2v
from nw2v.interrupts import interrupts_as_such
from nw2v.training.callbacks import Callback, Report


def wait_interrupted() -> None:
    """Wait for an event; the interrupt comes when its lock is let go, before the waiting begins."""
    event = threading.Event()
    condition = event._cond  # type: ignore[attr-defined]

    def release_and_interrupt() -> None:
        condition._lock.release()
        raise KeyboardInterrupt

    condition._release_save = release_and_interrupt
    event.wait()


def test_cpython_makes_another_error_of_it():
    with pytest.raises(RuntimeError, match="lock") as caught:
        wait_interrupted()
    assert isinstance(caught.value.__context__, KeyboardInterrupt)


def test_it_is_an_interrupt_again():
    with pytest.raises(KeyboardInterrupt), interrupts_as_such():
        wait_interrupted()


def test_other_errors_stay_what_they_are():
    with pytest.raises(RuntimeError, match="lock of another kind"), interrupts_as_such():
        raise RuntimeError("lock of another kind")
    with pytest.raises(RuntimeError, match="the disk"), interrupts_as_such():
        try:
            raise KeyboardInterrupt
        except KeyboardInterrupt:
            raise RuntimeError("the disk is full") from None


def test_training_gives_what_it_has_learnt(tmp_path):
    class Waiting(Callback):
        failure: BaseException | None = None

        def epoch(self, report: Report) -> None:
            if report.epoch == 1:
                wait_interrupted()

        def failed(self, error: BaseException) -> None:
            self.failure = error

    path = tmp_path / "text.txt"
    path.write_text("the king and the queen of the land\n" * 100, encoding="utf-8")
    corpus = nw2v.Corpus.from_file(path, min_count=1, cache_dir=tmp_path)
    callback = Waiting()
    with pytest.raises(nw2v.Interrupted) as caught:
        nw2v.train(corpus, dim=8, epochs=3, heldout_fraction=0.0, callbacks=[callback])
    assert isinstance(callback.failure, KeyboardInterrupt)
    assert len(caught.value.model.vocabulary) == 6
