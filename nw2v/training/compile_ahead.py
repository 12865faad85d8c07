"""Compile the kernels of a training in a process of its own, while the text is being read.

    python -m nw2v.training.compile_ahead SETTINGS

Numba compiles in one thread at a time. On a fresh installation reading the text and training both
need code that is not there yet: half of the time is saved where one process compiles for the first
and another for the second. The code comes by way of the cache, in which a process waits for what
another one is compiling.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import numpy as np

from nw2v.corpus import EncodedText
from nw2v.corpus.cooccurrence import cooccurrences
from nw2v.jit.compile import is_kept
from nw2v.kernels import exact_tiles, naive_softmax, negative_sampling
from nw2v.training.parameters import Parameters
from nw2v.training.settings import TrainingSettings
from nw2v.training.stream import StreamTrainer
from nw2v.training.trainer_on_counts import trainer_on_counts

# Nobody waits for them; Python would warn if they were forgotten while they run.
_processes: list[subprocess.Popen[bytes]] = []


def compile_ahead(settings: Mapping[str, Any]) -> None:
    """Begin to compile for a training, if the cache has no such code: after an installation.

    Parameters
    ----------
    settings : mapping
        Keywords of `nw2v.train`; those that are no settings of a trainer do not count.
    """
    kernels: dict[str, tuple[Any, ...]] = {
        "stream": (naive_softmax.work, negative_sampling.negative_sampling_pass),
        "cooccurrence": (exact_tiles.softmax_exponentials, exact_tiles.sampling_residuals),
    }
    if any(is_kept(kernel) for kernel in kernels[settings["trainer"]]):
        return
    command = [sys.executable, "-m", __name__, json.dumps(dict(settings))]
    # Without it, training compiles for itself.
    with suppress(OSError):
        _processes.append(
            subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,
            )
        )


def compile_for(settings: Mapping[str, Any]) -> None:
    """Compile what a training with such settings runs, for a text of two words."""
    tokens, offsets = np.zeros(2, dtype=np.int32), np.array([0, 2])
    for array in (tokens, offsets):
        array.flags.writeable = False  # as texts are, which code is compiled for
    text, counts = EncodedText(tokens, offsets), np.array([2])
    resolved = TrainingSettings(**settings).resolved(counts)
    parameters = Parameters(1, resolved.dim, seed=1, initial_scale=1.0)
    if resolved.trainer == "stream":
        StreamTrainer(text, counts, parameters, resolved).prepare()
        return
    found = cooccurrences(
        text, counts, window=resolved.window, subsample=0.0, shrink_window=resolved.shrink_window
    )
    trainer_on_counts(found, counts, len(tokens), parameters, resolved).prepare()


if __name__ == "__main__":
    compile_for(json.loads(sys.argv[1]))
