"""Analogies, similarity and held-out cross-entropy."""

from nw2v.evaluation.analogies import AnalogyScores, evaluate_analogies
from nw2v.evaluation.analogy_sets import (
    AnalogyQuestion,
    AnalogySet,
    analogy_set_names,
    load_analogies,
)
from nw2v.evaluation.bootstrap import (
    QuestionPairs,
    analogy_difference,
    analogy_differences,
    question_pairs,
    similarity_difference,
    similarity_differences,
)
from nw2v.evaluation.comparison import (
    Difference,
    Interval,
    cross_entropy_difference,
    holm,
    interval_over_seeds,
    paired_difference_over_seeds,
)
from nw2v.evaluation.heldout import (
    HeldoutPairs,
    HeldoutScores,
    draw_heldout_pairs,
    heldout_metrics,
    heldout_scores,
)
from nw2v.evaluation.similarity import SimilarityScore, evaluate_similarity
from nw2v.evaluation.similarity_sets import (
    SimilaritySet,
    load_similarity,
    similarity_set_names,
)
from nw2v.evaluation.spaces import (
    Isotropy,
    NeighbourOverlap,
    ShiftedPmiAgreement,
    isotropy,
    neighbour_overlap,
    norms_by_frequency,
    procrustes_distance,
    shifted_pmi_agreement,
)

__all__ = [
    "AnalogyQuestion",
    "AnalogyScores",
    "AnalogySet",
    "Difference",
    "HeldoutPairs",
    "HeldoutScores",
    "Interval",
    "Isotropy",
    "NeighbourOverlap",
    "QuestionPairs",
    "ShiftedPmiAgreement",
    "SimilarityScore",
    "SimilaritySet",
    "analogy_difference",
    "analogy_differences",
    "analogy_set_names",
    "cross_entropy_difference",
    "draw_heldout_pairs",
    "evaluate_analogies",
    "evaluate_similarity",
    "heldout_metrics",
    "heldout_scores",
    "holm",
    "interval_over_seeds",
    "isotropy",
    "load_analogies",
    "load_similarity",
    "neighbour_overlap",
    "norms_by_frequency",
    "paired_difference_over_seeds",
    "procrustes_distance",
    "question_pairs",
    "shifted_pmi_agreement",
    "similarity_difference",
    "similarity_differences",
    "similarity_set_names",
]
