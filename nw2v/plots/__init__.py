"""Every picture, from plain data frames and arrays to a Matplotlib figure.

Nothing is drawn on a screen and no global state of Matplotlib is touched.
"""

from nw2v.plots.analogy_bars import analogy_bars
from nw2v.plots.loss_curve import loss_curve
from nw2v.plots.word_map import word_map

__all__ = ["analogy_bars", "loss_curve", "word_map"]
