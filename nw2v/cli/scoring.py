"""Scores on evaluation sets: what `nw2v train` and `nw2v evaluate` share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nw2v.evaluation import AnalogyScores, AnalogySet, SimilarityScore, SimilaritySet
    from nw2v.vectors import WordVectors

HELDOUT_METRICS = [
    f"valid/{each}"
    for each in (
        "loss",
        "cross_entropy",
        "cross_entropy_standard_error",
        "cross_entropy_unigram",
        "perplexity",
        "calibration_error",
    )
]
SELF_NORMALISED_METRICS = [
    f"valid/{each}"
    for each in (
        "cross_entropy_self_normalised",
        "log_partition_mean",
        "log_partition_standard_deviation",
    )
]
VECTORS = ("center", "outside", "sum")


@dataclass(frozen=True)
class EvaluationSets:
    """The sets that a model is scored on, each under the name its metrics carry."""

    analogies: dict[str, AnalogySet]
    similarity: dict[str, SimilaritySet]


def load_sets(analogies: Sequence[str], similarity: Sequence[str]) -> EvaluationSets:
    """Load evaluation sets by name or path.

    Raises
    ------
    InputError
        One that does not exist or cannot be read.
    """
    from nw2v.evaluation import load_analogies, load_similarity
    from nw2v.evaluation.metric_names import distinct_legal_names

    questions = [load_analogies(name) for name in analogies]
    pairs = [load_similarity(name) for name in similarity]
    return EvaluationSets(
        dict(zip(distinct_legal_names((s.name for s in questions), ()), questions, strict=True)),
        dict(zip(distinct_legal_names((s.name for s in pairs), ()), pairs, strict=True)),
    )


# The sets of the command's jobs, loaded when the configuration is checked.
_sets: dict[str, EvaluationSets] = {}


def sets_of(settings: Mapping[str, Any]) -> EvaluationSets:
    """Give the sets that a configuration names, loaded once until `forget_sets`."""
    names = settings["evaluation.analogies"], settings["evaluation.similarity"]
    if str(names) not in _sets:
        _sets[str(names)] = load_sets(*names)
    return _sets[str(names)]


def possible_metrics(settings: Mapping[str, Any], sets: EvaluationSets) -> list[str]:
    """Return the metrics that a run with such settings may log, by their MLflow names."""
    from nw2v.evaluation.metric_names import distinct_legal_names

    names = [f"train/{each}" for each in ("loss", "learning_rate", "words_per_second", "seconds")]
    if settings["evaluation.heldout_fraction"] > 0:
        names += HELDOUT_METRICS
        if settings["loss.name"] == "negative_sampling":
            names += SELF_NORMALISED_METRICS
    for position, (name, questions) in enumerate(sets.analogies.items()):
        own = ("accuracy", "coverage")
        if position == 0:
            names += [f"analogy/{each}" for each in own]
        sections = distinct_legal_names(questions.sections, taken=own)
        names += [f"analogy/{name}/{each}" for each in (*own, *sections)]
    for name in sets.similarity:
        names += [f"similarity/{name}/{each}" for each in ("spearman", "coverage")]
    return names


def forget_sets() -> None:
    """Let the next command load its sets anew."""
    _sets.clear()


@dataclass(frozen=True)
class Scores:
    """How a model did on each set."""

    analogies: dict[str, AnalogyScores]
    similarity: dict[str, SimilarityScore]

    def metrics(self) -> dict[str, float]:
        """Return the scores under their MLflow names; what could not be measured is left out."""
        metrics: dict[str, float] = {}
        for position, (name, scores) in enumerate(self.analogies.items()):
            metrics |= scores.metrics(name, first=position == 0)
        for name, score in self.similarity.items():
            metrics |= score.metrics(name)
        return metrics


def score(vectors: WordVectors, sets: EvaluationSets, threads: int | None = None) -> Scores:
    """Score vectors on all sets."""
    from nw2v.evaluation import evaluate_analogies, evaluate_similarity

    return Scores(
        {
            name: evaluate_analogies(vectors, questions, threads=threads)
            for name, questions in sets.analogies.items()
        },
        {name: evaluate_similarity(vectors, pairs) for name, pairs in sets.similarity.items()},
    )
