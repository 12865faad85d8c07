"""The plain functions: train on a corpus, load what was trained. Neither Hydra nor MLflow."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from nw2v.corpus import Corpus, Split
from nw2v.corpus.vocabulary import Vocabulary
from nw2v.errors import InputError
from nw2v.evaluation.heldout import draw_heldout_pairs, heldout_metrics
from nw2v.evaluation.metric_values import added_metrics, as_floats
from nw2v.interrupts import interrupts_as_such
from nw2v.losses import make_loss
from nw2v.run_folder import (
    last_values,
    read_history,
    read_metrics,
    write_history,
    write_metrics,
)
from nw2v.training.callbacks import (
    Callback,
    Pruned,
    checked_callbacks,
    failures_told_to,
    note_told,
)
from nw2v.training.lbfgs import refuse_what_does_not_fit
from nw2v.training.loop import fit
from nw2v.training.parameters import Parameters
from nw2v.training.settings import TrainingSettings
from nw2v.training.stream import StreamTrainer
from nw2v.training.trainer import Trainer
from nw2v.training.trainer_on_counts import trainer_on_counts
from nw2v.vectors import WordVectors
from nw2v.vectors.model_file import load_model, save_model

if TYPE_CHECKING:
    import pandas as pd


class Model:
    """A skip-gram model: a center and an outside vector for each word of a vocabulary.

    Attributes
    ----------
    center_vectors, outside_vectors : (V, d) float32 arrays
    vocabulary : Vocabulary
    metrics : dict of str to float
        The last value of every metric, by its MLflow name.
    """

    def __init__(
        self,
        center_vectors: np.ndarray,
        outside_vectors: np.ndarray,
        vocabulary: Vocabulary,
        *,
        records: Sequence[Mapping[str, float]] = (),
        metrics: Mapping[str, float] | None = None,
    ) -> None:
        self.center_vectors = center_vectors
        self.outside_vectors = outside_vectors
        self.vocabulary = vocabulary
        self._records = records
        self._metrics = dict(metrics or {})

    def __repr__(self) -> str:
        words, dim = self.center_vectors.shape
        return f"<Model of {words:,} words in {dim} dimensions>"

    @property
    def metrics(self) -> dict[str, float]:
        """The last value of every metric, by its MLflow name."""
        return self._metrics | last_values(self._records)

    @property
    def steps(self) -> int:
        """Tokens that training has processed: the last step of `history`, 0 where that is empty."""
        return int(self._records[-1]["step"]) if self._records else 0

    @property
    def history(self) -> pd.DataFrame:
        """Every metric by step, one row a report: a DataFrame with the column "step"."""
        import pandas as pd

        return pd.DataFrame([dict(record) for record in self._records])

    @property
    def history_columns(self) -> dict[str, list[float]]:
        """What `history` holds as plain lists, without pandas; NaN where nothing was measured."""
        names = dict.fromkeys(name for record in self._records for name in record)
        return {name: [record.get(name, math.nan) for record in self._records] for name in names}

    @cached_property
    def vectors(self) -> WordVectors:
        """The center vectors, with the queries that word vectors answer."""
        return self.word_vectors("center")

    def word_vectors(self, which: str = "center") -> WordVectors:
        """Give the "center" or "outside" vectors, or their "sum", as `WordVectors`.

        Only the sum is a copy.
        """
        tables: dict[str, Callable[[], np.ndarray]] = {
            "center": lambda: self.center_vectors,
            "outside": lambda: self.outside_vectors,
            "sum": lambda: self.center_vectors + self.outside_vectors,
        }
        if which not in tables:
            raise InputError(f"evaluation.vectors={which!r}: expected center, outside or sum")
        return WordVectors(self.vocabulary.words, tables[which](), self.vocabulary.counts)

    def save(self, folder: str | os.PathLike[str]) -> None:
        """Write model.safetensors, vocabulary.tsv, metrics.json and history.csv into a folder.

        Raises
        ------
        InputError
            If a metric is no number, or the folder cannot be made or written.
        """
        # Checked before a file is replaced, or new vectors would stand beside old metrics.
        metrics = as_floats(self.metrics)
        records = [as_floats(record) | {"step": record["step"]} for record in self._records]
        save_model(folder, self.center_vectors, self.outside_vectors, self.vocabulary)
        write_metrics(Path(folder), metrics)
        write_history(Path(folder), records)


class Interrupted(KeyboardInterrupt):
    """The user interrupted training; `model` holds what was learnt so far."""

    def __init__(self, model: Model) -> None:
        super().__init__("interrupted")
        self.model = model


def train(
    corpus: Corpus,
    *,
    loss: str = "negative_sampling",
    negatives: int = 5,
    noise_exponent: float = 0.75,
    trainer: str = "stream",
    epochs: int | None = None,
    learning_rate: float | None = None,
    min_learning_rate: float | None = None,
    batch_windows: int | None = None,
    optimizer: str | None = None,
    batch_centers: int | None = None,
    center_order: str | None = None,
    center_exponent: float | None = None,
    warm_up: float | None = None,
    weight_decay: float | None = None,
    memory_limit: int | None = None,
    threads: int | None = None,
    deterministic: bool = False,
    dim: int = 100,
    window: int = 5,
    shrink_window: bool = True,
    subsample: float = 1e-4,
    initial_scale: float = 8.0,
    heldout_fraction: float = 0.02,
    split_seed: int = 0,
    evaluation_window: int = 5,
    evaluation_subsample: float = 1e-4,
    heldout_centers: int = 5000,
    seed: int = 1,
    evaluate: Callable[[Model], Mapping[str, float]] | None = None,
    callbacks: Iterable[Callback] = (),
) -> Model:
    """Train skip-gram word vectors.

    Parameters
    ----------
    corpus : Corpus
    loss : {"negative_sampling", "naive_softmax"}
        The objective; `docs/derivations.md` has both.
    negatives : int
        K, negative samples a pair; unused by naive softmax.
    noise_exponent : float
        Negatives are drawn in proportion to count ** noise_exponent.
    trainer : {"stream", "cooccurrence"}
        How gradients are obtained: "stream" reads the text window by window, "cooccurrence" takes
        them exactly from the co-occurrence counts of the whole text.
    epochs : int, optional
        Passes over the text. Unset: the studied default of the loss and trainer.
    learning_rate, min_learning_rate : float, optional
        The rate falls in proportion to progress from the first to the second. Unset: the studied
        default (lower where passes are many, where many negatives or very few words would make it
        unstable, and for the naive softmax where windows are wide or `batch_windows` many), and
        1/250 of the learning rate.
    batch_windows : int, optional
        Windows of the naive softmax that share one step, at the parameters from before it; 1 is the
        textbook loop. Unset: the studied default. Negative sampling has no such batch:
        there it must stay unset.
    optimizer : {"adam", "adagrad", "sgd", "lbfgs"}, optional
        How trainer="cooccurrence" follows its gradients. Unset, like the six below: the studied
        default. With trainer="stream" all seven must stay unset. "lbfgs" takes all center words at
        one time and makes one iteration a pass; it has no learning rate, batches or warm-up.
    batch_centers : int, optional
        Center words that make a step together.
    center_order : {"sweep", "weight"}, optional
        Which they are: a pass takes every center word once, or each step draws its own with
        probability proportional to their number of pairs ** center_exponent, weighted so that the
        expected gradient is the same.
    center_exponent : float, optional
        Only with center_order="weight", there 1 where unset.
    warm_up : float, optional
        Part of all steps in which the learning rate rises, 0 to 0.9.
    weight_decay : float, optional
        A pass takes this part of the learning rate away from every vector. With "lbfgs", half of it
        times the squared length of each vector is added to the loss of its word instead.
    memory_limit : int, optional
        MiB for the logits of the naive softmax: beyond it they are computed twice. "lbfgs" is
        refused where its memory of past steps would take more. Counts that would need more disk
        than there is are refused.
    threads : int, optional
        Unset: all cores that this process may use.
    deterministic : bool
        Give the same vectors bit for bit for a seed, on however many cores. With negative sampling
        the stream is then trained on by one thread, whatever `threads` is. The naive softmax and
        the co-occurrence trainer use all threads and give the same bits anyway.
    dim : int
        Dimensions of the vectors.
    window : int
        Largest half-width of a window, in kept words.
    shrink_window : bool
        Draw each half-width from 1 ... window, as word2vec does; otherwise it is `window`.
    subsample : float
        Threshold t: a token of relative frequency f is kept with probability
        min(1, sqrt(t / f) + t / f). 0 keeps all.
    initial_scale : float
        Center vectors start uniform in +-initial_scale / (2 dim).
    heldout_fraction : float
        Part of the text, 0 to 0.5, that is kept from training to measure cross-entropy on.
    split_seed : int
        Decides which part that is, and which of its centers are measured.
    evaluation_window, evaluation_subsample : int, float
        The law by which held-out pairs are drawn, whatever the model is trained with.
    heldout_centers : int
        How many held-out centers are measured.
    seed : int
        Every random choice of training follows from it.
    evaluate : callable, optional
        Called with the model after each pass; returns more metrics, names and numbers. Training
        goes on in the arrays of that model: copy what is to stay.
    callbacks : iterable of Callback

    Returns
    -------
    Model

    Raises
    ------
    InputError
        If a setting is out of its range, the corpus cannot be trained on, or `evaluate` returns
        anything but numbers by names that nw2v does not use itself.
    DivergenceError
        If the training loss becomes NaN, infinite or far larger than before (an InputError).
    Interrupted
        If the user interrupts: a KeyboardInterrupt with the model so far.
    Pruned
        If a callback raises it; its `model` is the model so far.

    Examples
    --------
    >>> corpus = nw2v.Corpus.from_file("text.txt")  # doctest: +SKIP
    >>> model = nw2v.train(corpus, dim=100, negatives=5)  # doctest: +SKIP
    >>> model.vectors.most_similar("king")  # doctest: +SKIP
    """
    if not isinstance(corpus, Corpus):
        raise InputError(
            f"corpus: expected a nw2v.Corpus, got {type(corpus).__name__}: make one with "
            "Corpus.from_sentences(lists), Corpus.from_file(path) or Corpus.from_name(name)"
        )
    listeners = checked_callbacks(callbacks)
    if evaluate is not None and not callable(evaluate):
        raise InputError(f"evaluate: expected a function of a model, got {evaluate!r}")
    told: list[Callback] = []  # of the counting or the start, and not of the end
    settings = TrainingSettings(
        loss=loss,
        negatives=negatives,
        noise_exponent=noise_exponent,
        trainer=trainer,
        epochs=epochs,
        learning_rate=learning_rate,
        min_learning_rate=min_learning_rate,
        batch_windows=batch_windows,
        optimizer=optimizer,
        batch_centers=batch_centers,
        center_order=center_order,
        center_exponent=center_exponent,
        warm_up=warm_up,
        weight_decay=weight_decay,
        memory_limit=memory_limit,
        threads=threads,
        deterministic=deterministic,
        dim=dim,
        window=window,
        shrink_window=shrink_window,
        subsample=subsample,
        initial_scale=initial_scale,
        heldout_fraction=heldout_fraction,
        split_seed=split_seed,
        evaluation_window=evaluation_window,
        evaluation_subsample=evaluation_subsample,
        heldout_centers=heldout_centers,
        seed=seed,
    )
    if loss == "negative_sampling" and batch_windows is not None:
        raise InputError(
            f"trainer.batch_windows={batch_windows}: negative sampling chooses its batches itself; "
            "leave it unset, or use loss=naive_softmax"
        )
    split = corpus.split(heldout_fraction, split_seed)
    counts = split.vocabulary.counts
    settings = settings.resolved(counts, split.training.offsets)
    parameters = Parameters(
        len(split.vocabulary), dim, seed=seed, initial_scale=settings.initial_scale
    )
    objective = make_loss(loss, negatives=negatives, noise_exponent=noise_exponent)
    pairs = draw_heldout_pairs(
        split.heldout,
        counts,
        window=evaluation_window,
        subsample=evaluation_subsample,
        centers=heldout_centers,
        seed=split_seed,
    )
    records: list[dict[str, float]] = []

    def model_so_far() -> Model:
        # A new one each time: `Model.vectors` remembers what it has computed.
        return Model(
            parameters.center_vectors, parameters.outside_vectors, split.vocabulary, records=records
        )

    def measure() -> dict[str, float]:
        metrics = heldout_metrics(
            pairs,
            parameters.center_vectors,
            parameters.outside_vectors,
            objective,
            counts,
            chosen.noise,
        )
        if records and evaluate is not None:
            metrics |= added_metrics(evaluate(model_so_far()), metrics)
        return metrics

    try:
        with failures_told_to(told), interrupts_as_such():
            if trainer == "stream":
                chosen: Trainer = StreamTrainer(split.training, counts, parameters, settings)
            else:
                chosen = _cooccurrence_trainer(split, parameters, settings, listeners, told)
        fit(
            chosen,
            settings=settings.as_dict(),
            facts={
                "vocabulary_size": len(split.vocabulary),
                "corpus_tokens": len(split.training.tokens),
                "heldout_tokens": len(split.heldout.tokens),
                "corpus": corpus.name,
                "corpus_source": str(corpus.source),
                "corpus_fingerprint": corpus.fingerprint,
            },
            callbacks=listeners,
            told=told,
            evaluate=measure,
            history=records,
        )
    except KeyboardInterrupt as error:
        raise Interrupted(model_so_far()) from error
    except Pruned as stopped:
        stopped.model = model_so_far()
        raise
    return model_so_far()


def _cooccurrence_trainer(
    split: Split,
    parameters: Parameters,
    settings: TrainingSettings,
    listeners: Sequence[Callback],
    told: list[Callback],
) -> Trainer:
    def counted(done: int, total: int) -> None:
        for callback in listeners:
            note_told(told, callback)
            callback.counting(done, total)

    if settings.optimizer == "lbfgs":  # before the work of counting
        refuse_what_does_not_fit(len(split.vocabulary), settings)
    found = split.cooccurrences(
        window=settings.window,
        subsample=settings.subsample,
        shrink_window=settings.shrink_window,
        threads=settings.threads,
        progress=counted,
    )
    return trainer_on_counts(
        found, split.vocabulary.counts, len(split.training.tokens), parameters, settings
    )


def load(run_folder: str | os.PathLike[str]) -> Model:
    """Load the model of a run from its output directory.

    Parameters
    ----------
    run_folder : path-like
        Holds model.safetensors and vocabulary.tsv, and perhaps metrics.json and history.csv.

    Raises
    ------
    InputError
        If a file is missing or malformed.
    """
    folder = Path(run_folder)
    saved = load_model(folder)
    return Model(
        saved.center_vectors,
        saved.outside_vectors,
        saved.vocabulary,
        records=read_history(folder),
        metrics=read_metrics(folder),
    )
