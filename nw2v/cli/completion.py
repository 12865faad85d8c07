"""Tab completion: commands are completed here, keys and values of `nw2v train` by Hydra."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence

from nw2v.errors import InputError


def complete(arguments: Sequence[str], commands: Sequence[str]) -> int:
    """Do what stands after `nw2v -sc`: print the shell's script, or answer its question.

    The shell's script asks `nw2v -sc query=SHELL` with the line so far in COMP_LINE. After
    `nw2v train` the rest of the line is Hydra's to complete.
    """
    if not arguments:
        raise InputError("give -sc install=bash (or zsh, fish; uninstall= takes it back)")
    if arguments[0].startswith("query="):
        line = os.environ.get("COMP_LINE", "")
        words = line.split()
        if len(words) < 2 or (len(words) == 2 and not line.endswith(" ")):
            print(" ".join(commands))
            return 0
        if words[1] != "train":
            return 0
        os.environ["COMP_LINE"] = re.sub(r"^(\s*\S+)\s+train", r"\1", line)
    from nw2v.cli.train import run

    return run(["-sc", *arguments])
