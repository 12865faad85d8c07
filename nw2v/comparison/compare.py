"""Train every system with every seed on the same terms, score all, and test the differences."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from nw2v import api
from nw2v.comparison.divergence import Diverged, diverged_table, divergence_sentences
from nw2v.comparison.request import check_request, in_keys_of_compare
from nw2v.comparison.runs import CROSS_ENTROPY, VECTORS, Run
from nw2v.comparison.significance import tests_table
from nw2v.comparison.spaces import MODELS_KEPT, space_pairs_table, spaces_tables
from nw2v.comparison.systems import DEFAULT_NEGATIVES, DEFAULT_SYSTEMS, System
from nw2v.comparison.tables import (
    costs_table,
    curves_table,
    scores_table,
    settings_table,
    summary_table,
)
from nw2v.errors import InputError
from nw2v.training.callbacks import Callback, TrainingStart
from nw2v.training.loop import DivergenceError

if TYPE_CHECKING:
    import pandas as pd

    from nw2v.corpus import Corpus, Split
    from nw2v.evaluation import AnalogySet, SimilaritySet
    from nw2v.evaluation.heldout import HeldoutPairs

CallbacksFor = Callable[[System, int], Sequence[Callback]]


@dataclass(frozen=True, eq=False)
class Comparison:
    """What a comparison found, in tidy tables.

    A system that diverged with any seed is left out of all tables but `scores`, `curves`,
    `settings` and `diverged`: the seeds that it survived are no fair sample.

    Attributes
    ----------
    systems : list of System
        All, those that diverged too.
    seeds : list of int
    scores : DataFrame
        One row a score: system, seed, vectors ("model" for the held-out cross-entropy), metric,
        value. Analogies and correlations are from 0 to 1.
    curves : DataFrame
        One row a pass: system, seed, epoch, words (processed), seconds (of training),
        cross_entropy.
    summary : DataFrame
        system, vectors, metric, mean, low, high: the 95 % interval over seeds.
    tests : DataFrame
        One row for two systems and a metric: system_a, system_b, vectors, metric, difference
        (a - b), low, high, p_value (over held-out sentences, word pairs of analogies, rated pairs),
        holm (the p-value after Holm's correction over all rows of the table), seeds_low,
        seeds_high (the 95 % interval over seeds), better ("a", "b" or "" where it cannot be told).
    costs : DataFrame
        system, seconds (of training, mean over seeds), passes, words, best_cross_entropy,
        best_pass, and seconds_to_reach (a cross-entropy that all systems reach).
    settings : DataFrame
        system, setting, value: what each was trained with, defaults resolved.
    spaces : DataFrame
        system, vectors, measure, value: of the first seed.
    space_pairs : DataFrame
        system_a, system_b, vectors, neighbour_overlap, procrustes_distance, always of two seeds,
        since vectors keep much of where they began; with system_a equal to system_b, two seeds of
        one system. Empty if there is one seed.
    norms : DataFrame
        system, vectors ("center" or "outside"), least_count, words, mean_norm.
    diverged : DataFrame
        One row a training that diverged: system, seed, learning_rate, problem. Empty if none did.
    facts : dict
        Corpus, vocabulary and settings that all systems share.
    """

    systems: list[System]
    seeds: list[int]
    scores: pd.DataFrame
    curves: pd.DataFrame
    summary: pd.DataFrame
    tests: pd.DataFrame
    costs: pd.DataFrame
    settings: pd.DataFrame
    spaces: pd.DataFrame
    space_pairs: pd.DataFrame
    norms: pd.DataFrame
    diverged: pd.DataFrame
    facts: dict[str, Any]

    @property
    def compared(self) -> list[System]:
        """The systems that diverged with no seed."""
        lost = set(self.diverged["system"])
        return [system for system in self.systems if system.name not in lost]


def compare(
    corpus: Corpus,
    *,
    systems: Sequence[str] = DEFAULT_SYSTEMS,
    negatives: Sequence[int] = DEFAULT_NEGATIVES,
    seeds: int = 5,
    analogies: Mapping[str, AnalogySet] | None = None,
    similarity: Mapping[str, SimilaritySet] | None = None,
    epochs: Mapping[str, int | None] | None = None,
    learning_rates: Mapping[str, float | None] | None = None,
    callbacks_for: CallbacksFor | None = None,
    after_training: Callable[[pd.DataFrame, pd.DataFrame], None] | None = None,
    seed: int = 1,
    **shared: Any,
) -> Comparison:
    """Compare losses and trainers on the same text, vocabulary, split, initial vectors and seeds.

    Everything is trained with `deterministic=True`: the same call gives the same numbers. A
    training that diverges does not stop the others; its system is not compared.

    Parameters
    ----------
    corpus : Corpus
    systems : sequence of str
        LOSS/TRAINER, such as "naive_softmax/cooccurrence".
    negatives : sequence of int
        K of negative sampling: each makes a system of its own.
    seeds : int
        How many, at least 1: `seed`, `seed` + 1 and so on.
    analogies, similarity : mapping of str to set, optional
        What is scored besides the held-out text, by name.
    epochs, learning_rates : mapping, optional
        By trainer ("stream", "cooccurrence"); unset: the studied defaults.
    callbacks_for : callable, optional
        Gives the callbacks of the training of a system with a seed.
    after_training : callable, optional
        Is given the scores and curves so far, after each training.
    seed : int
    **shared
        Other settings of `nw2v.train` for all systems: dim, window, subsample and so on.

    Returns
    -------
    Comparison

    Raises
    ------
    InputError
        A setting is wrong, or nothing is held out.
    DivergenceError
        No system is left that diverged with no seed (an InputError).
    """
    chosen = check_request(
        systems, negatives, seeds=seeds, seed=seed, epochs=epochs or {},
        learning_rates=learning_rates or {}, shared=shared,
    )  # fmt: skip
    numbers = [seed + n for n in range(seeds)]
    split = corpus.split(shared.get("heldout_fraction", 0.02), shared.get("split_seed", 0))
    pairs = _heldout_pairs(split, shared)
    if not len(pairs):
        raise InputError(
            f"evaluation.heldout_fraction: nothing can be held out of {corpus.name}, and nothing "
            "compared: take a longer text, or a larger part of it"
        )
    runs: dict[System, dict[int, Run]] = {system: {} for system in chosen}
    diverged: list[Diverged] = []
    resolved: dict[System, Mapping[str, Any]] = {}
    # A seed with all systems, then the next: what is interrupted has something of each.
    for number, system in itertools.product(numbers, chosen):
        told = [] if callbacks_for is None else [*callbacks_for(system, number)]
        start = _Start()
        try:
            model = api.train(
                corpus,
                **system.keywords(),
                epochs=(epochs or {}).get(system.trainer),
                learning_rate=(learning_rates or {}).get(system.trainer),
                deterministic=True,
                seed=number,
                callbacks=[start, *told],
                **shared,
            )
        except DivergenceError as error:
            resolved[system], rate = start.settings, float(start.settings["learning_rate"])
            problem = in_keys_of_compare(str(error), system)
            diverged.append(Diverged(system.name, number, rate, problem))
            continue
        resolved[system] = start.settings
        run = _scored(model, system, split, pairs, analogies or {}, similarity or {}, shared)
        if len(runs[system]) >= MODELS_KEPT:
            run.model = None
        runs[system][number] = run
        if after_training is not None:
            after_training(scores_table(runs), curves_table(runs))
    lost = diverged_table(diverged)
    whole = {system: several for system, several in runs.items() if len(several) == seeds}
    if not whole:
        raise DivergenceError(
            f"no system is left to compare. {' '.join(divergence_sentences(lost, chosen, seeds))}"
        )
    first = next(iter(whole.values()))[numbers[0]]
    facts = {
        "corpus": corpus.name,
        "fingerprint": corpus.fingerprint,
        "words": len(split.training.tokens),
        "vocabulary": len(split.vocabulary),
        "heldout_pairs": len(pairs),
        "unigram": float(first.history["valid/cross_entropy_unigram"].dropna().iloc[0]),
        "seeds": seeds,
        "known": {name: (int(some.sum()), len(some)) for name, some in first.known.items()},
        **shared,
    }
    spaces, norms = spaces_tables(whole, split, shared)
    return Comparison(
        systems=chosen,
        seeds=numbers,
        scores=scores_table(runs),
        curves=curves_table(runs),
        summary=summary_table(scores_table(whole)),
        tests=tests_table(whole, pairs, analogies or {}, similarity or {}),
        costs=costs_table(whole),
        settings=settings_table(resolved, shared),
        spaces=spaces,
        space_pairs=space_pairs_table(whole),
        norms=norms,
        diverged=lost,
        facts=facts,
    )


def _heldout_pairs(split: Split, shared: Mapping[str, Any]) -> HeldoutPairs:
    from nw2v.evaluation.heldout import draw_heldout_pairs

    names = {
        "evaluation_window": "window",
        "evaluation_subsample": "subsample",
        "heldout_centers": "centers",
        "split_seed": "seed",
    }
    given = {names[key]: value for key, value in shared.items() if key in names}
    return draw_heldout_pairs(split.heldout, split.vocabulary.counts, **given)


def _scored(
    model: api.Model,
    system: System,
    split: Split,
    pairs: HeldoutPairs,
    analogies: Mapping[str, AnalogySet],
    similarity: Mapping[str, SimilaritySet],
    shared: Mapping[str, Any],
) -> Run:
    """Score a model in all ways."""
    from nw2v.evaluation import evaluate_analogies, evaluate_similarity
    from nw2v.evaluation.heldout import heldout_scores
    from nw2v.kernels.noise import noise_counts, noise_probabilities
    from nw2v.losses import make_loss

    counts = split.vocabulary.counts
    loss = make_loss(
        system.loss,
        negatives=system.negatives or 1,
        noise_exponent=shared.get("noise_exponent", 0.75),
    )
    noise = loss.noise_distribution(counts)
    if noise is not None and system.trainer == "stream":
        noise = noise_probabilities(noise_counts(noise))
    threads = shared.get("threads")
    heldout = heldout_scores(
        pairs, model.center_vectors, model.outside_vectors, loss, counts, noise, threads=threads
    )
    run = Run(model, model.history, noise)
    entropy = float(heldout.surprise.sum() / len(pairs))
    run.add("model", CROSS_ENTROPY, entropy, heldout.surprise)
    for kind in VECTORS:
        vectors = model.word_vectors(kind)
        for name, questions in analogies.items():
            answers = evaluate_analogies(vectors, questions, threads=threads)
            metric = f"analogies {name}"
            run.known.setdefault(metric, answers.answered)
            run.add(kind, metric, answers.accuracy, answers.right)
        for name, rated in similarity.items():
            score = evaluate_similarity(vectors, rated)
            metric = f"similarity {name}"
            run.known.setdefault(metric, ~np.isnan(score.cosines))
            run.add(kind, metric, score.spearman, score.cosines)
    return run


class _Start(Callback):
    """Remembers what a training was started with."""

    settings: Mapping[str, Any]

    def started(self, start: TrainingStart) -> None:
        """Take the settings, with defaults resolved."""
        self.settings = start.settings
