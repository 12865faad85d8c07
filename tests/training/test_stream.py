"""The stream trainer: it learns, repeats, and reports what it did."""

from __future__ import annotations

import gc
import os
import threading
import time
from contextlib import contextmanager
from itertools import pairwise
from types import SimpleNamespace

import numpy as np
import pytest

from nw2v.corpus import EncodedText
from nw2v.corpus.cache import ArrayWriter, let_go, open_arrays
from nw2v.jit import COMPILED
from nw2v.jit.file_reads import CAN_READ, NO_FILE
from nw2v.kernels import hot_rows
from nw2v.kernels.batch_sizes import LEAST_MEMORY, LONGEST_MEMORY
from nw2v.kernels.naive_softmax import BLOCK_ROWS, BLOCKS_A_MEMBER
from nw2v.kernels.pieces import complete_piece
from nw2v.training import stream
from nw2v.training.negative_sampling_pass import NegativeSamplingPass
from nw2v.training.parameters import Parameters
from nw2v.training.settings import TrainingSettings
from nw2v.training.stream import (
    REPORTS_A_SLOW_RUN,
    StreamTrainer,
    _cut_anywhere,
    _cut_at_sentence_ends,
)
from nw2v.training.trainer import Progress
from tests.mapped_memory import TOLD, kibibytes_in_memory
from tests.training.texts import WORDS, encoded_text, stream_trainer


@pytest.fixture(autouse=True)
def several_pieces(monkeypatch):
    """Cut the small texts of these tests into pieces, so that there is something to take."""
    monkeypatch.setattr(NegativeSamplingPass, "tokens_a_piece", 200)


def run(trainer):
    reports: list[Progress] = []
    for epoch in range(trainer.epochs):
        trainer.run_epoch(epoch, reports.append)
    return reports


@pytest.mark.parametrize(
    ("loss", "first"), [("negative_sampling", 6 * np.log(2)), ("naive_softmax", np.log(WORDS))]
)
def test_the_loss_starts_where_it_must_and_falls(loss, first):
    still = run(stream_trainer(loss=loss, epochs=1, learning_rate=1e-12))
    assert sum(r.loss for r in still) / sum(r.pairs for r in still) == pytest.approx(
        first, rel=1e-3
    )
    trainer = stream_trainer(loss=loss, epochs=8, learning_rate=0.1)
    last = run(trainer)[-1]
    assert last.loss / last.pairs < 0.8 * first
    # Words of one topic end up closer to each other than to those of the others.
    unit = trainer.parameters.center_vectors
    unit = unit / np.linalg.norm(unit, axis=1, keepdims=True)
    similarity = (unit @ unit.T).reshape(4, 10, 4, 10).mean(axis=(1, 3))
    assert (
        np.diag(similarity) > similarity.max(where=~np.eye(4, dtype=bool), initial=-1) + 0.1
    ).all()


def assert_same_bits(trainers, reports):
    for trainer, its_reports in zip(trainers[1:], reports[1:], strict=True):
        for matrix in ("centers", "outsides"):
            np.testing.assert_array_equal(
                getattr(trainer.parameters, matrix), getattr(trainers[0].parameters, matrix)
            )
        assert [r.loss for r in its_reports] == [r.loss for r in reports[0]]


@pytest.mark.parametrize("loss", ["negative_sampling", "naive_softmax"])
def test_one_thread_repeats_bit_for_bit(loss):
    trainers = [stream_trainer(loss=loss, epochs=2, seed=5) for _ in range(2)]
    reports = [run(trainer) for trainer in trainers]
    assert_same_bits(trainers, reports)
    other = stream_trainer(loss=loss, epochs=2, seed=6)
    run(other)
    assert (other.parameters.centers != trainers[0].parameters.centers).any()


def test_deterministic_gives_the_same_bits_for_any_number_of_threads():
    trainers = [stream_trainer(epochs=2, deterministic=True, threads=n) for n in (1, 3)]
    trainers.append(stream_trainer(epochs=2, threads=1))  # as one thread does
    assert [trainer.threads for trainer in trainers] == [1, 1, 1]
    reports = [run(trainer) for trainer in trainers]
    assert_same_bits(trainers, reports)


def softmax_trainer_on_one_long_sentence(threads, deterministic=False):
    """A vocabulary that gives work to three threads, in a text of a single sentence."""
    words = 3 * BLOCKS_A_MEMBER * BLOCK_ROWS + 1 if COMPILED else 50
    tokens = np.random.default_rng(0).integers(0, words, 2000 if COMPILED else 100, dtype=np.int32)
    settings = TrainingSettings(
        loss="naive_softmax",
        subsample=0.0,
        dim=20,
        batch_windows=2,
        threads=threads,
        deterministic=deterministic,
    ).resolved()
    text = EncodedText(tokens, np.array([0, len(tokens)]))
    parameters = Parameters(words, 20, seed=1, initial_scale=8.0)
    trainer = StreamTrainer(text, np.bincount(tokens, minlength=words), parameters, settings)
    trainer.prepare()
    return trainer


def test_the_naive_softmax_gives_the_same_bits_for_any_number_of_threads(monkeypatch):
    monkeypatch.setattr("nw2v.training.naive_softmax_pass.PRODUCTS_A_PIECE", 1e5)
    trainers = [
        softmax_trainer_on_one_long_sentence(1),
        softmax_trainer_on_one_long_sentence(2),
        softmax_trainer_on_one_long_sentence(3, deterministic=True),
    ]
    if COMPILED:
        assert [len(trainer._pass.helpers) for trainer in trainers] == [0, 1, 2]
    reports = [run(trainer) for trainer in trainers]
    assert_same_bits(trainers, reports)


def test_a_long_sentence_is_reported_on_and_interrupted_within(monkeypatch):
    monkeypatch.setattr("nw2v.training.naive_softmax_pass.PRODUCTS_A_PIECE", 1e5)
    trainer = softmax_trainer_on_one_long_sentence(2)
    steps = []

    def interrupt(report):
        steps.append(report.step)
        if len(steps) == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        trainer.run_epoch(0, interrupt)
    assert 0 < steps[0] < steps[1] < steps[2] < trainer.total_steps


@pytest.mark.parametrize("loss", ["negative_sampling", "naive_softmax"])
def test_more_threads_draw_the_same_samples(loss):
    # At a rate too small to matter the loss is a function of the samples alone.
    quiet = {"loss": loss, "learning_rate": 1e-12, "epochs": 1}
    one, three = (run(stream_trainer(threads=n, **quiet)) for n in (1, 3))
    assert [r.pairs for r in one] == [r.pairs for r in three]
    np.testing.assert_allclose([r.loss for r in one], [r.loss for r in three], rtol=1e-6)


def test_reports_add_up_and_the_learning_rate_falls_to_its_minimum():
    trainer = stream_trainer(loss="naive_softmax", epochs=3, learning_rate=0.1)
    reports = run(trainer)
    assert sum(r.tokens for r in reports) == trainer.total_steps == reports[-1].step
    assert [r.step for r in reports] == list(np.cumsum([r.tokens for r in reports]))
    rates = [r.learning_rate for r in reports]
    assert all(a > b for a, b in pairwise(rates))
    assert rates[-1] == pytest.approx(0.1 / 250)
    assert all(r.seconds >= 0 for r in reports)
    assert len(reports) <= REPORTS_A_SLOW_RUN + trainer.epochs


def test_an_estimate_changes_no_parameter():
    trainer = stream_trainer(loss="naive_softmax")
    before = trainer.parameters.centers.copy(), trainer.parameters.outsides.copy()
    assert trainer.estimated_seconds() > 0
    assert stream_trainer(loss="negative_sampling").estimated_seconds() is None
    np.testing.assert_array_equal(trainer.parameters.centers, before[0])
    np.testing.assert_array_equal(trainer.parameters.outsides, before[1])


def no_thread_is_left():
    return not any(
        "loop" in thread.name or "_help" in thread.name for thread in threading.enumerate()
    )


MUCH = 300 if COMPILED else 1


@pytest.mark.parametrize(
    "settings",
    [
        {"loss": "naive_softmax"},
        {"times": MUCH},
        {"times": MUCH, "deterministic": True},
    ],
)
def test_an_interrupt_ends_all_threads(settings):
    trainer = stream_trainer(threads=2, epochs=1, **settings)

    def interrupt(report):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        trainer.run_epoch(0, interrupt)
    assert no_thread_is_left()
    # Nothing of it is left in what the threads share: the next pass is a whole one.
    reports: list[Progress] = []
    trainer.run_epoch(0, reports.append)
    assert reports[-1].step == trainer.total_steps


def copied_words(trainer):
    return [workspace.copies.copied for workspace in trainer._workspaces]


def assert_merged(trainer):
    """All copies are what the words' own rows are."""
    for rows in (trainer.parameters.center_rows, trainer.parameters.outside_rows):
        assert len(rows) == 2 * WORDS and (rows[:WORDS] != 0).any()
        np.testing.assert_array_equal(rows[WORDS:], rows[:WORDS])


@pytest.mark.skipif(not COMPILED, reason="takes two threads, and minutes")
def test_two_threads_learn_as_much_as_one_though_one_of_them_works_on_copies():
    one, two = (stream_trainer(times=MUCH, threads=n, epochs=2, window=2) for n in (1, 2))
    assert copied_words(one) == [0] and copied_words(two) == [0, WORDS]
    last = [run(trainer)[-1] for trainer in (one, two)]
    assert_merged(two)
    assert not one.parameters.center_rows[WORDS:].any()
    losses = [report.loss / report.pairs for report in last]
    assert losses[1] == pytest.approx(losses[0], rel=0.01)
    # The vectors, not only what each thread has for itself, are as good.
    still = [stream_trainer(learning_rate=1e-12, epochs=1, window=2) for _ in range(2)]
    for trainer, trained in zip(still, (one, two), strict=True):
        trainer.parameters.centers[:] = trained.parameters.centers
        trainer.parameters.outsides[:] = trained.parameters.outsides
    scores = [[sum(r.loss for r in run(trainer))] for trainer in still]
    assert scores[1] == pytest.approx(scores[0], rel=0.01)


@pytest.mark.skipif(not COMPILED, reason="takes two threads, and minutes")
def test_an_interrupt_loses_nothing_of_what_copies_have_learnt(monkeypatch):
    trainer = stream_trainer(times=MUCH, threads=2, epochs=1, window=2)
    parameters, expected = trainer.parameters, []
    merge = hot_rows.merge_all_copies

    def noted(centers, outsides, copies):
        for rows, bases in ((centers, copies.center_bases), (outsides, copies.outside_bases)):
            assert (rows[WORDS:] != bases).any()
            expected.append(rows[:WORDS] + (rows[WORDS:] - bases))
        merge(centers, outsides, copies)

    def interrupt(report):
        raise KeyboardInterrupt

    monkeypatch.setattr(hot_rows, "merge_all_copies", noted)
    with pytest.raises(KeyboardInterrupt):
        trainer.run_epoch(0, interrupt)
    assert_merged(trainer)
    np.testing.assert_allclose(parameters.centers, expected[0], rtol=0, atol=1e-6)
    np.testing.assert_allclose(parameters.outsides, expected[1], rtol=0, atol=1e-6)


@pytest.mark.skipif(not COMPILED, reason="takes several threads, and minutes")
@pytest.mark.parametrize(
    ("threads", "first_slices"), [(2, [0]), (3, [0]), (4, [0, 1]), (5, [0, 1]), (6, [0, 1, 2])]
)
def test_every_second_thread_has_copies_and_slices_of_its_own(threads, first_slices, monkeypatch):
    monkeypatch.setattr(hot_rows, "LARGEST_LAG", 1e9)
    trainer = stream_trainer(times=MUCH, threads=threads, epochs=1, window=2, learning_rate=0.01)
    copies = [workspace.copies for workspace in trainer._workspaces]
    assert [its.copied for its in copies] == [WORDS * (k % 2) for k in range(threads)]
    assert [its.first_slice for its in copies[1::2]] == first_slices
    assert {(its.slices % its.stride, its.stride) for its in copies[1::2]} == {
        (0, len(first_slices))
    }
    assert len({its.center_bases.ctypes.data for its in copies[1::2]}) == 1
    last = run(trainer)[-1]
    assert_merged(trainer)
    assert last.loss / last.pairs < 0.95 * 6 * np.log(2)


def test_copies_are_merged_as_often_as_pushes_and_pieces_want(monkeypatch):
    told = []
    copies_for = hot_rows.copies_for

    def noted(*args, **words):
        told.append(words)
        return copies_for(*args, **words)

    monkeypatch.setattr(hot_rows, "copies_for", noted)
    text = encoded_text(times=2)
    for settings in ({}, {"negatives": 60}, {"threads": 3}):
        trainer = stream_trainer(text=text, **{"threads": 2, "shrink_window": False} | settings)
        plan, sampling = told[-1], trainer._pass.batch_law
        threads = trainer.threads if COMPILED else 1
        pieces, others = len(trainer._bounds) - 1, {1: 1, 2: 1, 3: 2}[threads]
        assert plan["mergers"] == threads // 2
        assert plan["pieces"] == pytest.approx(pieces * (threads // 2) / threads)
        # Of the most frequent word, as center or negative: its steps of a full pair in a piece.
        rate, pairs = TrainingSettings().resolved().learning_rate or 0.0, 6
        counts = np.bincount(text.tokens, minlength=WORDS)
        noise = counts**0.75 / (counts**0.75).sum()
        share = max(
            (counts / counts.sum()).max() * (1 + sampling.negatives_a_pair),
            noise.max() * sampling.negatives_a_pair,
        )
        push = others * rate * pairs * share * len(text.tokens) / pieces
        assert plan["push_a_piece"] == pytest.approx(push, rel=0.02)
    assert trainer._pass._copies.copied == 0


def test_short_texts_and_repeatable_training_have_no_copies():
    assert set(copied_words(stream_trainer(threads=2, epochs=1))) == {0}
    assert copied_words(stream_trainer(times=MUCH, threads=2, deterministic=True)) == [0]


@pytest.mark.skipif(not COMPILED, reason="takes two threads, and minutes")
def test_an_error_in_one_thread_stops_the_others_and_is_raised(monkeypatch):
    trainer = stream_trainer(times=MUCH, threads=2, epochs=1)
    real, ledgers = trainer._pass.run, []

    def run(pieces, ledger, workspace):
        ledgers.append(ledger)
        if workspace is trainer._workspaces[0]:
            raise ZeroDivisionError
        real(pieces, ledger, workspace)

    monkeypatch.setattr(trainer._pass, "run", run)
    with pytest.raises(ZeroDivisionError):
        trainer.run_epoch(0, lambda report: None)
    assert len(ledgers) == 2 and not ledgers[0].done.all()
    assert no_thread_is_left()


def test_training_time_does_not_contain_what_is_done_with_a_report(monkeypatch):
    trainer = stream_trainer(epochs=1)
    seconds, trained = [], threading.Event()

    def run(pieces, ledger, workspace):
        for place in range(len(ledger.done)):
            time.sleep(0.01)
            complete_piece(ledger, place, 0.0, 1, 1)
        trained.set()

    def report(progress):
        seconds.append(progress.seconds)
        if not trained.is_set():
            trained.wait()
            time.sleep(0.2)

    monkeypatch.setattr(trainer._pass, "run", run)
    began = time.perf_counter()
    trainer.run_epoch(0, report)
    assert 0 < sum(seconds) <= time.perf_counter() - began - 0.2


def test_reports_share_the_time_by_what_was_trained_in_it(monkeypatch):
    trainer = stream_trainer(epochs=1)
    trainer._bounds = np.array([0, 10, 40, 60, 120])  # pieces of 10, 30, 20 and 60 tokens
    monkeypatch.setattr(stream, "REPORTS_A_RUN", 2)  # of two pieces each
    monkeypatch.setattr(stream, "random_order", lambda key, pieces: np.arange(pieces))
    clock = [0.0]
    monkeypatch.setattr(stream, "time", SimpleNamespace(perf_counter=lambda: clock[0]))

    @contextmanager
    def at_work(stream_pass, pieces, ledger, workspaces):
        def looks():
            for now, done in ((1.0, []), (3.0, [0, 2]), (6.0, [1]), (7.0, []), (9.0, [3])):
                clock[0] = now
                for place in done:
                    complete_piece(ledger, place, 0.0, 1, 1)
                # That the last piece ended after 8 seconds is seen a second later.
                yield 8.0 if now == 9.0 else None

        yield looks()

    monkeypatch.setattr(stream, "_at_work", at_work)
    reports: list[Progress] = []
    trainer.run_epoch(0, reports.append)
    assert [report.seconds for report in reports] == [1.0 + 3.0, 2.0 + 2.0]
    assert [report.tokens for report in reports] == [40, 80]


@pytest.fixture
def mapped_text(tmp_path):
    """A text in files, and the folder that these are in."""
    text = encoded_text(times=40) if COMPILED else encoded_text(sentences=60)
    folder = tmp_path / "text"
    folder.mkdir()
    with ArrayWriter(folder) as writer:
        writer.append("tokens", text.tokens)
        writer.append("offsets", text.offsets)
        writer.seal({})
    stored = open_arrays(folder)
    assert stored is not None
    return EncodedText(**stored.arrays), folder


def trainer_on(text, loss):
    return stream_trainer(text=text, loss=loss, dim=4, window=5, epochs=1)


@pytest.mark.skipif(not TOLD, reason="the system does not tell")
@pytest.mark.parametrize("loss", ["negative_sampling", "naive_softmax"])
def test_a_mapped_text_does_not_stay_in_memory(loss, mapped_text):
    text, folder = mapped_text
    trainer = trainer_on(text, loss)
    assert kibibytes_in_memory(folder) >= text.tokens.nbytes // 1024
    assert sum(report.pairs for report in run(trainer)) > len(text.tokens)
    assert kibibytes_in_memory(folder) == 0


@pytest.mark.skipif(not (CAN_READ and TOLD), reason="the system does not tell")
def test_what_is_read_from_the_file_is_not_mapped(mapped_text, monkeypatch):
    text, folder = mapped_text
    trainer = trainer_on(text, "negative_sampling")
    for array in (text.tokens, text.offsets):
        let_go(array)
    monkeypatch.setattr(stream, "let_go", lambda array: None)
    run(trainer)
    assert kibibytes_in_memory(folder / "tokens") == 0
    assert kibibytes_in_memory(folder / "offsets") > 0


@pytest.mark.skipif(not CAN_READ, reason="the system has no such call")
def test_a_file_that_does_not_hold_the_tokens_is_not_read(mapped_text):
    text, folder = mapped_text
    path = folder / "tokens"
    with path.open("ab") as file:
        file.write(b"more")
    assert trainer_on(text, "negative_sampling")._text.file == NO_FILE
    (folder / "wide").write_bytes(text.tokens.astype(np.int64).tobytes())
    wide = np.memmap(folder / "wide", dtype=np.int64, mode="r")
    assert trainer_on(EncodedText(wide, text.offsets), "naive_softmax")._text.file == NO_FILE


@pytest.mark.skipif(not CAN_READ, reason="the system has no such call")
@pytest.mark.parametrize("loss", ["negative_sampling", "naive_softmax"])
def test_training_reads_the_file_and_learns_the_same_as_from_memory(loss, mapped_text, monkeypatch):
    text, folder = mapped_text
    in_memory = trainer_on(EncodedText(text.tokens.copy(), text.offsets.copy()), loss)
    from_file = trainer_on(text, loss)
    assert in_memory._text.file == NO_FILE and from_file._text.file != NO_FILE
    # What is mapped but not in the file any more is read nevertheless.
    (folder / "tokens").unlink()
    gone = trainer_on(text, loss)
    assert gone._text.file == NO_FILE
    for trainer in (in_memory, from_file, gone):
        run(trainer)
        for name in ("centers", "outsides"):
            learnt = getattr(trainer.parameters, name)
            assert learnt.tobytes() == getattr(in_memory.parameters, name).tobytes()
    # It is the file that is read: here another one.
    wrong = folder / "wrong"
    wrong.write_bytes(np.zeros(len(text.tokens), dtype=np.int32).tobytes())
    with wrong.open("rb") as file:
        monkeypatch.setattr(stream, "_open_until_gone", lambda tokens: file.fileno())
        other = trainer_on(text, loss)
        run(other)
    assert other.parameters.centers.tobytes() != in_memory.parameters.centers.tobytes()


@pytest.mark.skipif(not CAN_READ, reason="the system has no such call")
def test_the_file_of_a_text_is_closed_with_its_trainer(mapped_text):
    trainer = trainer_on(mapped_text[0], "negative_sampling")
    file = trainer._text.file
    os.fstat(file)
    del trainer
    gc.collect()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(file)


@pytest.mark.parametrize("tokens", [1, 7, 1000, 10**6])
def test_pieces_cover_the_text_and_end_with_sentences(tokens):
    offsets = np.cumsum([0, 3, 500, 1, 1, 9, 2000, 4])
    bounds = _cut_at_sentence_ends(offsets, tokens)
    assert bounds[0] == 0 and bounds[-1] == offsets[-1]
    assert (np.diff(bounds) > 0).all()
    assert np.isin(bounds, offsets).all()


@pytest.mark.parametrize("tokens", [1, 7, 1000, 10**6])
def test_pieces_that_may_cut_sentences_are_of_one_size(tokens):
    bounds = _cut_anywhere(np.array([0, 3, 503, 2518]), tokens)
    assert bounds[0] == 0 and bounds[-1] == 2518
    sizes = np.diff(bounds)
    assert 0 < sizes.min() <= sizes.max() <= min(tokens, sizes.min() + 1)


def test_less_is_expected_of_negatives_in_small_vocabularies_and_with_many_threads():
    def batch_law_of(vocabulary, threads, sentences=64, sentence_length=10_000, **changes):
        counts = (1e6 / np.arange(1, vocabulary + 1)).astype(np.int64) + 1
        tokens = np.zeros(sentences * sentence_length, dtype=np.int32)
        text = EncodedText(tokens, np.arange(sentences + 1) * sentence_length)
        parameters = Parameters(vocabulary, 4, seed=1, initial_scale=1.0)
        settings = TrainingSettings(dim=4, epochs=1, threads=threads, **changes).resolved(counts)
        trainer = StreamTrainer(text, counts, parameters, settings)
        assert isinstance(trainer._pass, NegativeSamplingPass)
        return trainer._pass.batch_law

    usual = batch_law_of(20_000, 2)
    assert usual.memory == LONGEST_MEMORY and usual.pool == 12
    many = batch_law_of(20_000, 8)
    assert LEAST_MEMORY <= many.memory < LONGEST_MEMORY and many.pool > usual.pool
    for nothing in (batch_law_of(20_000, 64), batch_law_of(20, 1, learning_rate=0.05)):
        assert nothing.memory == 0 and nothing.pool == 24
    # In deterministic mode it does not depend on the threads.
    alone = [batch_law_of(20_000, threads, deterministic=True) for threads in (1, 4)]
    few, more = (found._replace(table=None) for found in alone)  # but for the array
    assert few == more
    # Nor on threads that have no piece of the text.
    for sentences, sentence_length in ((1, 100_000), (2, 5_000), (3, 2)):
        texts = [batch_law_of(20_000, threads, sentences, sentence_length) for threads in (1, 64)]
        few, more = (found._replace(table=None) for found in texts)
        assert few == more
    # Windows reach no further than sentences.
    wide = batch_law_of(20_000, 2, 2000, 10, window=1000, learning_rate=0.05)
    within = batch_law_of(20_000, 2, 2000, 10, window=8, learning_rate=0.05)
    assert wide._replace(table=None) == within._replace(table=None)
    assert wide.parts == 1
