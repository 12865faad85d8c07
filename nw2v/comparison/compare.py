"""Train every system with every seed on the same terms, score all, and test the differences."""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from nw2v import api
from nw2v.comparison.systems import DEFAULT_SYSTEMS, System, read_systems
from nw2v.errors import InputError
from nw2v.training.callbacks import Callback, TrainingStart
from nw2v.training.loop import DivergenceError
from nw2v.training.settings import LARGEST_SEED

if TYPE_CHECKING:
    import pandas as pd

    from nw2v.corpus import Corpus, Split
    from nw2v.evaluation import AnalogySet, SimilaritySet
    from nw2v.evaluation.comparison import Difference
    from nw2v.evaluation.heldout import HeldoutPairs

VECTORS = ("center", "sum")
"""The vectors that are scored: V, and V + U."""
CROSS_ENTROPY = "cross-entropy"
SIGNIFICANCE = 0.05
MODELS_KEPT = 2
"""Models of each system that are kept in memory: the first two seeds, for the spaces."""

Test = Callable[[np.ndarray, np.ndarray], "Difference"]
CallbacksFor = Callable[[System, int], Sequence[Callback]]


@dataclass(frozen=True, eq=False)
class Comparison:
    """What a comparison found, in tidy tables.

    Attributes
    ----------
    systems : list of System
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
        holm (the p-value after Holm's correction over the metrics of the two systems), seeds_low,
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
    facts: dict[str, Any]


@dataclass
class _Run:
    """What is kept of one training."""

    model: api.Model | None
    history: pd.DataFrame
    noise: np.ndarray | None
    # By vectors and metric: the score, and what it is made of, center by center, question by
    # question or pair by pair.
    scores: dict[tuple[str, str], float] = field(default_factory=dict)
    details: dict[tuple[str, str], np.ndarray] = field(default_factory=dict)
    # Of each set, which questions or pairs the vocabulary knows.
    known: dict[str, np.ndarray] = field(default_factory=dict)

    def add(self, vectors: str, metric: str, score: float, details: np.ndarray) -> None:
        """Take a score, unless it does not exist."""
        if not math.isnan(score):
            self.scores[vectors, metric], self.details[vectors, metric] = score, details


def compare(
    corpus: Corpus,
    *,
    systems: Sequence[str] = DEFAULT_SYSTEMS,
    negatives: Sequence[int] = (5,),
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

    Everything is trained with `deterministic=True`: the same call gives the same numbers.

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
        A training diverged: says of which system and seed (an InputError).
    """
    chosen = read_systems(systems, negatives)
    if not isinstance(seeds, int) or isinstance(seeds, bool) or seeds < 1:
        raise InputError(f"compare.seeds={seeds!r}: expected a whole number of at least 1")
    if seed + seeds - 1 > LARGEST_SEED:
        raise InputError(f"seed={seed}: with {seeds} seeds the last is above {LARGEST_SEED:,}")
    numbers = [seed + n for n in range(seeds)]
    split = corpus.split(shared.get("heldout_fraction", 0.02), shared.get("split_seed", 0))
    pairs = _heldout_pairs(split, shared)
    if not len(pairs):
        raise InputError(
            f"evaluation.heldout_fraction: nothing can be held out of {corpus.name}, and nothing "
            "compared: take a longer text, or a larger part of it"
        )
    runs: dict[System, list[_Run]] = {system: [] for system in chosen}
    # A seed with all systems, then the next: what is interrupted has something of each.
    resolved: dict[System, Mapping[str, Any]] = {}
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
            raise DivergenceError(
                f"{system.name}, seed {number}: "
                + str(error).replace(
                    "trainer.learning_rate", f"compare.learning_rate.{system.trainer}"
                )
            ) from error
        resolved[system] = start.settings
        run = _scored(model, system, split, pairs, analogies or {}, similarity or {}, shared)
        if len(runs[system]) >= MODELS_KEPT:
            run.model = None
        runs[system].append(run)
        if after_training is not None:
            after_training(_scores_table(runs, numbers), _curves_table(runs, numbers))
    facts = {
        "corpus": corpus.name,
        "fingerprint": corpus.fingerprint,
        "words": len(split.training.tokens),
        "vocabulary": len(split.vocabulary),
        "heldout_pairs": len(pairs),
        "unigram": float(
            runs[chosen[0]][0].history["valid/cross_entropy_unigram"].dropna().iloc[0]
        ),
        "seeds": seeds,
        "known": {
            name: (int(some.sum()), len(some)) for name, some in runs[chosen[0]][0].known.items()
        },
        **shared,
    }
    scores = _scores_table(runs, numbers)
    tests = _tests_table(runs, pairs, analogies or {}, similarity or {})
    curves = _curves_table(runs, numbers)
    spaces, norms = _spaces_tables(runs, split, shared)
    return Comparison(
        systems=chosen,
        seeds=numbers,
        scores=scores,
        curves=curves,
        summary=_summary_table(scores),
        tests=tests,
        costs=_costs_table(runs, curves),
        settings=_settings_table(resolved, shared),
        spaces=spaces,
        space_pairs=_space_pairs_table(runs),
        norms=norms,
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
) -> _Run:
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
    run = _Run(model, model.history, noise)
    entropy = float(heldout.surprise.sum() / len(pairs))
    run.add("model", CROSS_ENTROPY, entropy, heldout.surprise)
    for kind in VECTORS:
        vectors = model.word_vectors(kind)
        for name, questions in analogies.items():
            answers = evaluate_analogies(vectors, questions, threads=threads)
            run.known.setdefault(name, answers.answered)
            run.add(kind, f"analogies {name}", answers.accuracy, answers.right)
        for name, rated in similarity.items():
            score = evaluate_similarity(vectors, rated)
            run.known.setdefault(name, ~np.isnan(score.cosines))
            run.add(kind, f"similarity {name}", score.spearman, score.cosines)
    return run


class _Start(Callback):
    """Remembers what a training was started with."""

    def started(self, start: TrainingStart) -> None:
        """Take the settings, with defaults resolved."""
        self.settings = start.settings


# --- the tables ---------------------------------------------------------------------------------


def _scores_table(runs: Mapping[System, list[_Run]], seeds: Sequence[int]) -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame(
        [
            (system.name, seed, vectors, metric, value)
            for system, several in runs.items()
            for seed, run in zip(seeds, several, strict=False)
            for (vectors, metric), value in run.scores.items()
        ],
        columns=["system", "seed", "vectors", "metric", "value"],
    )


def _summary_table(scores: pd.DataFrame) -> pd.DataFrame:
    import pandas as pd

    from nw2v.evaluation.comparison import interval_over_seeds

    groups = scores.groupby(["system", "vectors", "metric"], sort=False)["value"]
    return pd.DataFrame(
        [(*key, *interval_over_seeds(values.to_numpy())) for key, values in groups],
        columns=["system", "vectors", "metric", "mean", "low", "high"],
    )


def _curves_table(runs: Mapping[System, list[_Run]], seeds: Sequence[int]) -> pd.DataFrame:
    """Each pass's cross-entropy, with the words and seconds of training until then."""
    import pandas as pd

    rows = []
    for system, several in runs.items():
        for seed, run in zip(seeds, several, strict=False):
            history = run.history.sort_values("step", kind="stable")
            history["train/seconds"] = history["train/seconds"].ffill().fillna(0.0)
            measured = history[history["valid/cross_entropy"].notna()]
            columns = measured[["step", "train/seconds", "valid/cross_entropy"]].to_numpy(float)
            for epoch, (step, seconds, entropy) in enumerate(columns):
                rows.append((system.name, seed, epoch, int(step), seconds, entropy))
    return pd.DataFrame(
        rows, columns=["system", "seed", "epoch", "words", "seconds", "cross_entropy"]
    )


def _settings_table(
    resolved: Mapping[System, Mapping[str, Any]], shared: Mapping[str, Any]
) -> pd.DataFrame:
    """What is not the same for all systems, or does not concern all."""
    import pandas as pd

    return pd.DataFrame(
        [
            (system.name, name, value)
            for system, settings in resolved.items()
            for name, value in settings.items()
            if value is not None and name not in {*shared, "loss", "trainer", "seed"}
        ],
        columns=["system", "setting", "value"],
    )


def _costs_table(runs: Mapping[System, list[_Run]], curves: pd.DataFrame) -> pd.DataFrame:
    import pandas as pd

    mean = curves.groupby(["system", "epoch"], sort=False)[
        ["words", "seconds", "cross_entropy"]
    ].mean()
    lowest = mean["cross_entropy"].groupby(level="system", sort=False).min()
    reached = float(lowest.max())
    rows = []
    for system in runs:
        words, seconds, entropy = mean.loc[system.name].to_numpy(float).T
        best, first = int(entropy.argmin()), int(np.argmax(entropy <= reached))
        rows.append(
            (
                system.name, seconds[-1], len(seconds) - 1, int(words[-1]), entropy[best], best,
                seconds[first],
            )
        )  # fmt: skip
    return pd.DataFrame(
        rows,
        columns=[
            "system", "seconds", "passes", "words", "best_cross_entropy", "best_pass",
            "seconds_to_reach",
        ],
    )  # fmt: skip


def _tests_table(
    runs: Mapping[System, list[_Run]],
    pairs: HeldoutPairs,
    analogies: Mapping[str, AnalogySet],
    similarity: Mapping[str, SimilaritySet],
) -> pd.DataFrame:
    import pandas as pd

    from nw2v.evaluation.comparison import holm, paired_difference_over_seeds

    known = next(iter(runs.values()))[0].known
    tests = _tests(known, pairs, analogies, similarity)
    rows = []
    for (first, of_first), (second, of_second) in itertools.combinations(runs.items(), 2):
        several = [*of_first, *of_second]
        # What not all of the runs have cannot be compared.
        keys = [key for key in of_first[0].scores if all(key in run.scores for run in several)]
        found = [
            tests[key[1]](*(np.array([r.details[key] for r in of]) for of in (of_first, of_second)))
            for key in keys
        ]
        adjusted = holm([difference.p_value for difference in found])
        for key, difference, p_value in zip(keys, found, adjusted, strict=True):
            a, b = ([run.scores[key] for run in of] for of in (of_first, of_second))
            seeds = paired_difference_over_seeds(a, b)
            rows.append(
                (
                    first.name, second.name, *key, difference.difference, difference.low,
                    difference.high, difference.p_value, p_value, seeds.low, seeds.high,
                    _better(key[1], difference.difference, p_value, seeds),
                )
            )  # fmt: skip
    return pd.DataFrame(
        rows,
        columns=[
            "system_a", "system_b", "vectors", "metric", "difference", "low", "high", "p_value",
            "holm", "seeds_low", "seeds_high", "better",
        ],
    )  # fmt: skip


def _tests(
    known: Mapping[str, np.ndarray],
    pairs: HeldoutPairs,
    analogies: Mapping[str, AnalogySet],
    similarity: Mapping[str, SimilaritySet],
) -> dict[str, Test]:
    """Give the test of each metric: of two systems' details, (seeds, n) each."""
    from nw2v.evaluation.bootstrap import analogy_difference, question_pairs, similarity_difference
    from nw2v.evaluation.comparison import cross_entropy_difference

    tests: dict[str, Test] = {
        CROSS_ENTROPY: functools.partial(
            cross_entropy_difference, sizes=np.diff(pairs.offsets), sentences=pairs.sentences
        )
    }
    for name, questions in analogies.items():
        tests[f"analogies {name}"] = functools.partial(
            analogy_difference, pairs=question_pairs(questions), answerable=known[name]
        )
    for name, rated in similarity.items():
        judgements = np.array([judged for _, _, judged in rated.pairs])
        tests[f"similarity {name}"] = functools.partial(
            similarity_difference, judgements=judgements
        )
    return tests


def _better(metric: str, difference: float, holm: float, seeds: Difference) -> str:
    """Which of two systems is better, "" where that cannot be told.

    Both must say so: the test over the material, after Holm's correction, and the seeds, of which
    one alone says nothing.
    """
    if not holm < SIGNIFICANCE or not (seeds.low > 0 or seeds.high < 0):
        return ""
    return "a" if (difference < 0) == (metric == CROSS_ENTROPY) else "b"


# --- the two spaces -----------------------------------------------------------------------------


def _spaces_tables(
    runs: Mapping[System, list[_Run]], split: Split, shared: Mapping[str, Any]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    import pandas as pd

    from nw2v.evaluation.spaces import isotropy, norms_by_frequency, shifted_pmi_agreement

    counts = split.vocabulary.counts
    rows, norms = [], []
    for system, several in runs.items():
        model, noise = several[0].model, several[0].noise
        assert model is not None
        for kind in VECTORS:
            even = isotropy(model.word_vectors(kind).vectors)
            rows += [
                (system.name, kind, measure, value) for measure, value in even._asdict().items()
            ]
        for kind, vectors in (
            ("center", model.center_vectors),
            ("outside", model.outside_vectors),
        ):
            table = norms_by_frequency(vectors, counts)
            norms.append(table.assign(system=system.name, vectors=kind))
        if noise is not None and system.negatives is not None:
            n_co = split.cooccurrences(
                window=shared.get("window", 5),
                subsample=shared.get("subsample", 1e-4),
                shrink_window=shared.get("shrink_window", True),
                threads=shared.get("threads"),
            )
            agreement = shifted_pmi_agreement(
                model.center_vectors, model.outside_vectors,
                n_co.offsets, n_co.words, n_co.counts, noise, system.negatives,
            )  # fmt: skip
            rows += [
                (system.name, "model", f"shifted PMI: {measure.replace('_', ' ')}", float(value))
                for measure, value in agreement._asdict().items()
            ]
    return (
        pd.DataFrame(rows, columns=["system", "vectors", "measure", "value"]),
        pd.concat(norms, ignore_index=True),
    )


def _space_pairs_table(runs: Mapping[System, list[_Run]]) -> pd.DataFrame:
    import pandas as pd

    from nw2v.evaluation.spaces import neighbour_overlap, procrustes_distance

    items = [(system.name, several) for system, several in runs.items()]
    rows = []
    pairs = itertools.combinations_with_replacement(items, 2)
    for (a, of_a), (b, of_b) in pairs if len(items[0][1]) > 1 else ():
        for kind in VECTORS:
            # Of the same seed, two systems have the same initial vectors and look alike for it.
            several = [(of_a[0], of_b[1]), (of_a[1], of_b[0])][: 1 if a == b else 2]
            found = []
            for both in several:
                spaces = [run.model.word_vectors(kind).vectors for run in both if run.model]
                overlap = neighbour_overlap(*spaces, k=min(10, len(spaces[0]) - 1))
                found.append((overlap.mean, procrustes_distance(*spaces)))
            rows.append((a, b, kind, *np.mean(found, axis=0)))
    return pd.DataFrame(
        rows,
        columns=["system_a", "system_b", "vectors", "neighbour_overlap", "procrustes_distance"],
    )
