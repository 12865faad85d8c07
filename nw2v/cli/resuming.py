"""`sweep.resume`: the sweep that a command line goes on with."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from nw2v.cli.configuration import CommandLine, parse_command_line
from nw2v.errors import InputError
from nw2v.sweeps.files import SweepRecord
from nw2v.tracking.run_values import SWEEP_FILE

RESUME = "sweep.resume"


def resumes(line: CommandLine) -> bool:
    """Whether a command line goes on with an earlier sweep."""
    return _resumed(line) is not None


def _resumed(line: CommandLine) -> str | None:
    named = [text.partition("=")[2] for text in line.overrides if key_of(text) == RESUME]
    if not named or named[-1] in ("", "null"):
        return None
    text = named[-1]
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"" else text


@dataclass(frozen=True)
class Earlier:
    """A start of the same sweep that did not come to its end, or to which jobs are added."""

    folder: Path
    record: SweepRecord

    @classmethod
    def find(cls, line: CommandLine) -> Earlier | None:
        """Return the sweep that `sweep.resume` names."""
        value = _resumed(line)
        if value is None:
            return None
        folder = Path(value).expanduser().absolute()
        if not folder.is_dir():
            from nw2v.tracking.runs import find_output_folder, is_run_id

            if not is_run_id(value):
                raise InputError(f"{RESUME}={value}: neither a folder nor an MLflow run id")
            folder = find_output_folder(value, _given_uri(line))
        if not (folder / SWEEP_FILE).is_file():
            raise InputError(
                f"{RESUME}={value}: {folder} is not the folder of a sweep (it has no {SWEEP_FILE})"
            )
        record = SweepRecord.read(folder)
        _check_sweeper(line, record)
        return cls(folder, record)

    @property
    def directory(self) -> Path:
        """Where it was typed at first: what its relative paths are relative to."""
        begun = Path(self.record.directory or ".").absolute()
        return begun if begun.is_dir() else Path.cwd()

    def completed(self, line: CommandLine) -> CommandLine:
        """Return the command line with what was typed at the first start and not again."""
        own = [text for text in line.overrides if key_of(text) != RESUME]
        keys = {key_of(text) for text in own}
        kept = [text for text in self.record.overrides if key_of(text) not in keys]
        again = [flag for flag in self.record.flags if flag not in line.flags]
        mode = [] if line.options.multirun else ["-m"]
        return parse_command_line([*mode, *again, *line.flags, *kept, *own])


def key_of(override: str) -> str:
    """Return the key that an override names."""
    return override.lstrip("+~").partition("=")[0]


def _given_uri(line: CommandLine) -> str | None:
    for text in line.overrides:
        if key_of(text) == "tracking.uri":
            return text.partition("=")[2]
    return None


def _check_sweeper(line: CommandLine, record: SweepRecord) -> None:
    """Refuse to go on with another way of choosing jobs."""
    key = "hydra/sweeper"

    def chosen(overrides: list[str]) -> str | None:
        return next((text.partition("=")[2] for text in overrides if key_of(text) == key), None)

    before, now = chosen(record.overrides) or "grid", chosen(line.overrides)
    if now is not None and now != before:
        raise InputError(f"{key}={now}: the sweep to go on with was begun with {key}={before}")
