"""What a sweep writes about itself and its jobs: `sweep.json`, and `job.json` in each job's folder.

They are all that it takes to go on with a sweep that was killed, with or without MLflow.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from nw2v.errors import InputError
from nw2v.files import cannot_write_folder, exclusive, write_atomically
from nw2v.json_file import JsonFile
from nw2v.sweeps.records import STATUSES
from nw2v.tracking.run_values import JOB_FILE, SWEEP_FILE

VERSION = 1
_MOST_JOBS = 2**31

FINISHED, PRUNED, RUNNING, KILLED, FAILED = STATUSES

# Where the results go, and how they are looked at, changes nothing about them.
_NO_PART_OF_A_JOB = ("tracking.", "sweep.")
_ONLY_UNDER = {
    # Key: the loss, or the trainer, without which it has no effect.
    "loss.negatives": ("loss.name", "negative_sampling"),
    "loss.noise_exponent": ("loss.name", "negative_sampling"),
    "trainer.batch_windows": ("loss.name", "naive_softmax"),
}


@dataclass
class SweepRecord:
    """A sweep as a whole.

    Attributes
    ----------
    command : str
        What was typed.
    overrides : list of str
        What of it were KEY=VALUE, so that `sweep.resume` alone can go on.
    flags : list of str
        The other words of it, but for -m.
    metric, direction : list of str
        What the jobs are ranked by, and what is better; the first comes first.
    swept : list of str
        The keys in which the jobs differ.
    parent_run, uri, experiment_id : str or None
        Where it is in MLflow.
    directory : str or None
        Where it was typed: what its relative paths are relative to.
    started : float
        Seconds since 1970.
    """

    command: str
    overrides: list[str]
    flags: list[str]
    metric: list[str]
    direction: list[str]
    swept: list[str]
    parent_run: str | None = None
    uri: str | None = None
    experiment_id: str | None = None
    directory: str | None = None
    started: float = field(default_factory=time.time)
    version: int = VERSION

    def write(self, folder: Path) -> None:
        """Write the record into the sweep's folder."""
        _write(folder / SWEEP_FILE, asdict(self))

    @classmethod
    def read(cls, folder: Path) -> SweepRecord:
        """Read the record of a sweep's folder.

        Raises
        ------
        InputError
            If there is none, or it is damaged.
        """
        data = JsonFile(folder / SWEEP_FILE, VERSION)
        return cls(
            command=data.needed_text("command"),
            overrides=data.texts("overrides"),
            flags=data.texts("flags"),
            metric=data.texts("metric"),
            direction=data.texts("direction"),
            swept=data.texts("swept"),
            parent_run=data.text("parent_run"),
            uri=data.text("uri"),
            experiment_id=data.text("experiment_id"),
            directory=data.text("directory"),
            started=data.number("started"),
        )


@dataclass
class JobRecord:
    """One job of a sweep.

    Attributes
    ----------
    job : int
        Its number within the sweep.
    status : {"RUNNING", "FINISHED", "FAILED", "KILLED", "PRUNED"}
    identity : str
        See `identity`.
    settings : dict
        The configuration, by dotted key, its interpolations resolved.
    settled : dict
        What training took for settings that were left unset, and what it found of the text.
    corpus_fingerprint, run_id : str or None
        Once known.
    process : dict of str to str
        By which another process can tell whether this one still exists.
    started : float
        Seconds since 1970.
    seconds : dict of str to float
        What "corpus", "training" and "evaluation" took, and the job in "total".
    failure : str or None
        Why it did not come to its end.
    """

    job: int
    status: str
    identity: str
    settings: dict[str, Any]
    settled: dict[str, Any] = field(default_factory=dict)
    process: dict[str, str] = field(default_factory=dict)
    started: float = field(default_factory=time.time)
    seconds: dict[str, float] = field(default_factory=dict)
    corpus_fingerprint: str | None = None
    run_id: str | None = None
    failure: str | None = None
    version: int = VERSION

    @property
    def is_done(self) -> bool:
        """Whether nothing is left to do: it came to its end, or was given up by the search."""
        return self.status in (FINISHED, PRUNED)

    def write(self, folder: Path) -> None:
        """Write the record into the job's folder."""
        _write(folder / JOB_FILE, asdict(self))

    @classmethod
    def read(cls, folder: Path) -> JobRecord:
        """Read the record of a job's folder.

        Raises
        ------
        InputError
            If there is none, or it is damaged.
        """
        data = JsonFile(folder / JOB_FILE, VERSION)
        status = data.needed_text("status")
        if status not in STATUSES:
            raise data.error(f"status is {status!r}, not one of {', '.join(STATUSES)}")
        data.needed("settings")
        return cls(
            job=data.whole("job", _MOST_JOBS),
            status=status,
            identity=data.needed_text("identity"),
            settings=data.mapping("settings", _plain, keep_null=True),
            settled=data.mapping("settled", _plain, keep_null=True),
            process=data.mapping("process", str),
            started=data.number("started"),
            seconds=data.mapping("seconds", float),
            corpus_fingerprint=data.text("corpus_fingerprint"),
            run_id=data.text("run_id"),
            failure=data.text("failure"),
        )


def job_folders(folder: Path) -> list[Path]:
    """Return the folders of a sweep's jobs, in the order of their numbers."""
    found = [path.parent for path in folder.glob(f"**/{JOB_FILE}")]
    return sorted(found, key=lambda path: (not path.name.isdigit(), path.name.zfill(12)))


def read_records(folder: Path) -> dict[Path, JobRecord]:
    """Return the records of a sweep's jobs by their folders; a damaged one counts as none."""
    records = {}
    for place in job_folders(folder):
        with suppress(InputError):
            records[place] = JobRecord.read(place)
    return records


def set_damaged_aside(folder: Path) -> list[Path]:
    """Rename the records of jobs that cannot be read; return what they were called."""
    damaged = []
    for place in job_folders(folder):
        try:
            JobRecord.read(place)
        except InputError:
            damaged.append(place / JOB_FILE)
            (place / JOB_FILE).replace(place / f"{JOB_FILE}.damaged")
    return damaged


@contextmanager
def alone_in(folder: Path, what: str = "sweep") -> Iterator[None]:
    """Make a sweep's folder if need be, and keep other starts of the sweep out of it.

    Parameters
    ----------
    folder : Path
    what : str
        What there can be one of at a time: a sweep, and within it a search.

    Raises
    ------
    InputError
        The folder cannot be written, or another process runs the sweep in it.
    """
    made = [path for path in (folder, *folder.parents) if not path.exists()]
    with ExitStack() as stack:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            stack.callback(_remove_empty, made)
            stack.enter_context(exclusive(folder / f".{what}.lock", patience=0))
        except TimeoutError:
            raise InputError(
                f"another process runs a {what} in {folder}: wait for it, or give another folder"
            ) from None
        except OSError as error:
            raise cannot_write_folder(folder, error) from None
        yield


def _remove_empty(folders: Sequence[Path]) -> None:
    """Remove folders, the innermost first, as far as nothing is in them."""
    with suppress(OSError):
        for folder in folders:
            folder.rmdir()


def without_effect(settings: Mapping[str, Any]) -> list[str]:
    """Return the keys that do nothing beside the loss chosen, such as negatives of a softmax."""
    return [key for key, (other, needed) in _ONLY_UNDER.items() if settings.get(other) != needed]


def identity(settings: Mapping[str, Any]) -> str:
    """Return a mark that two jobs share only if they would train and score the same.

    Parameters
    ----------
    settings : mapping
        The resolved configuration, by dotted key. What has no effect does not count: where the
        run is tracked, what it is ranked by, negatives under the naive softmax.
    """
    idle = without_effect(settings)
    kept = {
        key: None if key in idle else value
        for key, value in settings.items()
        if not key.startswith(_NO_PART_OF_A_JOB)
    }
    text = json.dumps(kept, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def keys_that_differ(jobs: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the keys in which jobs differ where they have an effect, in the order they stand."""
    idle = [without_effect(job) for job in jobs]
    found = []
    for key in jobs[0] if jobs else ():
        values = [job.get(key) for job, none in zip(jobs, idle, strict=True) if key not in none]
        if not key.startswith(_NO_PART_OF_A_JOB) and any(value != values[0] for value in values):
            found.append(key)
    return found


def _write(path: Path, content: Mapping[str, Any]) -> None:
    with write_atomically(path, "w") as file:
        json.dump(content, file, indent=1)
        file.write("\n")


def _plain(value: Any) -> Any:
    """Return a setting as it is: a text, a number, true or false, null, or a list of these."""
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if value is None or isinstance(value, str | int | float):
        return value
    raise ValueError
