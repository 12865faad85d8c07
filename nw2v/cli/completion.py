"""Tab completion: commands are completed here, keys and values by Hydra."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence

from nw2v.errors import InputError


def complete(arguments: Sequence[str], commands: Sequence[str]) -> int:
    """Do what stands after `nw2v -sc`: print the shell's script, or answer its question.

    The shell's script asks `nw2v -sc query=SHELL` with the line so far in COMP_LINE. After
    `nw2v train` and `nw2v compare` the rest of the line is Hydra's to complete; files and folders
    are the shell's.
    """
    command = "train"
    if not arguments:
        raise InputError("give -sc install=bash (or zsh, fish; uninstall= takes it back)")
    if arguments[0].startswith("query="):
        line = os.environ.get("COMP_LINE", "")
        words = line.split()
        if len(words) < 2 or (len(words) == 2 and not line.endswith(" ")):
            print(" ".join(commands))
            return 0
        command = words[1]
        if command == "sweep" and (len(words) == 2 or (len(words) == 3 and line[-1:] != " ")):
            from nw2v.cli.sweep import SUBCOMMANDS

            print(" ".join(SUBCOMMANDS))
            return 0
        if command not in ("train", "compare"):
            return 0
        os.environ["COMP_LINE"] = re.sub(rf"^(\s*\S+)\s+{command}", r"\1", line)
    if command == "compare":
        from nw2v.cli.compare import run
    else:
        from nw2v.cli.train import run

    return run(["-sc", *arguments])
