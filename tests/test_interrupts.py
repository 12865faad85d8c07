"""An interrupt in the middle of a wait is an interrupt."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from pathlib import Path

import pytest

import nw2v
from nw2v.cli import main
from nw2v.interrupts import (
    forget_interrupts,
    interrupts_as_such,
    note_interrupt,
    raise_noted_interrupt,
)
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


def test_a_class_that_is_being_made_is_one_more_such_place():
    class Named:
        def __set_name__(self, owner: type, name: str) -> None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), interrupts_as_such():

        class Owner:
            name = Named()


def test_it_is_found_below_errors_that_say_it_in_other_words():
    def stumble() -> None:
        flags = None
        try:
            raise KeyboardInterrupt
        finally:
            flags.clear()  # type: ignore[attr-defined]

    with pytest.raises(KeyboardInterrupt), interrupts_as_such():
        try:
            stumble()
        except AttributeError as error:
            raise nw2v.InputError("defaults: no attribute 'clear'") from error


def test_other_errors_stay_what_they_are():
    with pytest.raises(RuntimeError, match="lock of another kind"), interrupts_as_such():
        raise RuntimeError("lock of another kind")
    for error in (OSError("the disk is full"), nw2v.InputError("the disk is full")):
        with pytest.raises(type(error), match="the disk"), interrupts_as_such():
            try:
                raise KeyboardInterrupt
            except KeyboardInterrupt:
                raise error from None


def test_one_that_python_dropped_stops_the_training(tmp_path):
    class Deaf(Callback):
        passes = 0

        def epoch(self, report: Report) -> None:
            self.passes = report.epoch
            if report.epoch == 1:
                note_interrupt()

    corpus = small_corpus(tmp_path)
    callback = Deaf()
    try:
        with pytest.raises(nw2v.Interrupted):
            nw2v.train(corpus, dim=8, epochs=3, heldout_fraction=0.0, callbacks=[callback])
    finally:
        forget_interrupts()
    assert callback.passes == 1
    nw2v.train(corpus, dim=8, epochs=3, heldout_fraction=0.0)


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_the_command_notes_what_is_dropped(name, monkeypatch, capsys):
    if os.name == "nt" or signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        pytest.skip("no such signals here")

    def run(arguments: list[str]) -> int:
        with contextlib.suppress(KeyboardInterrupt):
            os.kill(os.getpid(), getattr(signal, name))
            time.sleep(1)
        raise_noted_interrupt()
        return 0

    monkeypatch.setattr("nw2v.cli._dispatch", run)
    assert main(["train"]) == 130
    assert capsys.readouterr().err.splitlines()[-1] == "nw2v: interrupted"
    raise_noted_interrupt()  # nothing is noted any more
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def small_corpus(folder: Path) -> nw2v.Corpus:
    path = folder / "text.txt"
    path.write_text("the king and the queen of the land\n" * 100, encoding="utf-8")
    return nw2v.Corpus.from_file(path, min_count=1, cache_dir=folder)


def test_training_gives_what_it_has_learnt(tmp_path):
    class Waiting(Callback):
        failure: BaseException | None = None

        def epoch(self, report: Report) -> None:
            if report.epoch == 1:
                wait_interrupted()

        def failed(self, error: BaseException) -> None:
            self.failure = error

    corpus = small_corpus(tmp_path)
    callback = Waiting()
    with pytest.raises(nw2v.Interrupted) as caught:
        nw2v.train(corpus, dim=8, epochs=3, heldout_fraction=0.0, callbacks=[callback])
    assert isinstance(callback.failure, KeyboardInterrupt)
    assert len(caught.value.model.vocabulary) == 6
