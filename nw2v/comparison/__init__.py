"""Naive softmax against negative sampling on equal terms: train, score, test, report."""

from nw2v.comparison.compare import Comparison, compare
from nw2v.comparison.conclusions import conclusions
from nw2v.comparison.output import write_report
from nw2v.comparison.report import html_report, markdown_report
from nw2v.comparison.systems import System, read_systems

__all__ = [
    "Comparison",
    "System",
    "compare",
    "conclusions",
    "html_report",
    "markdown_report",
    "read_systems",
    "write_report",
]
