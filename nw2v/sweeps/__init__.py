"""Sweeps, read back: tables of jobs, what they say, their pictures and reports."""

from nw2v.sweeps.load import histories, load

__all__ = ["histories", "load"]
