"""Scores on evaluation sets: what `nw2v train` and `nw2v evaluate` share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nw2v.evaluation import AnalogyScores, AnalogySet, SimilarityScore, SimilaritySet
    from nw2v.vectors import WordVectors

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
