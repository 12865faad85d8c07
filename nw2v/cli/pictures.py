"""The pictures that are logged with a run."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from nw2v import Model

_log = logging.getLogger(__name__)


def pictures(model: Model, vectors: str) -> dict[str, Figure]:
    """Return the figures that are logged with a run, by name."""
    from nw2v.plots import loss_curve, word_map

    chosen = model.word_vectors(vectors)
    try:
        return {
            "loss_curve": loss_curve(model.history_columns),
            "word_map": word_map(chosen.words, chosen.vectors, chosen.counts),
        }
    except Exception as error:  # hours of training must not fail for want of a font
        _log.warning("no pictures were drawn (%s: %s)", type(error).__name__, error)
        return {}
