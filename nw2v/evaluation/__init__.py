"""Analogies, similarity and held-out cross-entropy."""

from nw2v.evaluation.analogies import AnalogyScores, evaluate_analogies
from nw2v.evaluation.analogy_sets import (
    AnalogyQuestion,
    AnalogySet,
    analogy_set_names,
    load_analogies,
)
from nw2v.evaluation.heldout import HeldoutPairs, draw_heldout_pairs, heldout_metrics
from nw2v.evaluation.similarity import SimilarityScore, evaluate_similarity
from nw2v.evaluation.similarity_sets import (
    SimilaritySet,
    load_similarity,
    similarity_set_names,
)

__all__ = [
    "AnalogyQuestion",
    "AnalogyScores",
    "AnalogySet",
    "HeldoutPairs",
    "SimilarityScore",
    "SimilaritySet",
    "analogy_set_names",
    "draw_heldout_pairs",
    "evaluate_analogies",
    "evaluate_similarity",
    "heldout_metrics",
    "load_analogies",
    "load_similarity",
    "similarity_set_names",
]
