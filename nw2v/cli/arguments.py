"""The arguments of the commands that are not Hydra applications."""

from __future__ import annotations

import argparse
from typing import NoReturn

from nw2v.errors import InputError


class ArgumentParser(argparse.ArgumentParser):
    """An argparse parser whose complaints are an InputError, so one line."""

    def error(self, message: str) -> NoReturn:
        """Raise instead of printing the usage and leaving."""
        raise InputError(f"{message}; '{self.prog} --help' shows how to call it")


def at_least_one(text: str) -> int:
    """Read a whole number from 1 up."""
    try:
        number = int(text)
    except ValueError:
        number = 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"'{text}' is not a whole number from 1 up")
    return number
