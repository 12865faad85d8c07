"""The keys of `conf/`: what each may hold, checked before any work begins.

Only types and ranges are settled here. What belongs to the text (can the file be read, is any word
frequent enough) or to two settings together is found out by the rooms that use them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from nw2v.cli.suggestions import did_you_mean
from nw2v.errors import InputError
from nw2v.sweeps import objectives
from nw2v.training.settings import CONFIGURATION_KEYS, TRAINERS, TrainingSettings


@dataclass(frozen=True)
class Kind:
    """Values of one kind: in words, and a reader that raises ValueError on any other value."""

    accepts: str
    read: Callable[[Any], Any]


def whole(minimum: int) -> Kind:
    """Return the kind of whole numbers from `minimum` up; 1e6 is one too."""

    def read(value: Any) -> int:
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if not isinstance(value, int) or isinstance(value, bool) or value < minimum:
            raise ValueError
        return value

    return Kind(f"a whole number from {minimum} up", read)


def choice(*options: str) -> Kind:
    """Return the kind of a word out of a few."""

    def read(value: Any) -> str:
        if value not in options:
            raise ValueError
        return str(value)

    return Kind(f"{', '.join(options[:-1])} or {options[-1]}", read)


def optional(kind: Kind) -> Kind:
    """Return `kind` or null."""
    return Kind(f"{kind.accepts}, or null", lambda v: None if v is None else kind.read(v))


def _read_text(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int | float) or value == "":
        raise ValueError
    return str(value)


def _read_flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise ValueError
    return value


def _read_names(value: Any) -> list[str]:
    if value is None:
        return []
    return [_read_text(item) for item in (value if isinstance(value, list) else [value])]


def _read_numbers(value: Any) -> list[int]:
    return [whole(1).read(item) for item in (value if isinstance(value, list) else [value])]


def _read_one_or_several(read: Callable[[Any], str]) -> Callable[[Any], str | list[str]]:
    return lambda value: [read(each) for each in value] if isinstance(value, list) else read(value)


TEXT = Kind("a text", _read_text)
PATH = Kind("a path", lambda value: str(Path(_read_text(value)).expanduser()))
FLAG = Kind("true or false", _read_flag)
METRICS = Kind("a metric, or a list of metrics such as [a,b]", _read_one_or_several(_read_text))
DIRECTIONS = Kind(
    "maximize or minimize, or a list of as many as sweep.metric has",
    _read_one_or_several(choice(*objectives.DIRECTIONS).read),
)
NAMES = Kind("a list of names or paths, such as [nw2v,my.txt]", _read_names)

# Settings of training are checked by nw2v.training.settings, which knows their ranges; what
# remains is checked here.
OTHER_SETTINGS: dict[str, Kind] = {
    "corpus.name": TEXT,
    "corpus.path": optional(PATH),
    "corpus.min_count": whole(1),
    "corpus.max_vocabulary": optional(whole(2)),
    "corpus.max_sentence_length": whole(2),
    "corpus.lowercase": FLAG,
    "corpus.words": TEXT,
    "corpus.unicode_normalization": optional(TEXT),
    "corpus.encoding_errors": choice("strict", "replace"),
    "evaluation.analogies": NAMES,
    "evaluation.similarity": NAMES,
    "evaluation.vectors": choice("center", "outside", "sum"),
    "tracking.name": choice("mlflow", "none"),
    "tracking.uri": optional(TEXT),
    "tracking.experiment": optional(TEXT),
    "tracking.run_name": optional(TEXT),
    "tracking.vectors": choice("all", "best", "none"),
    "sweep.metric": METRICS,
    "sweep.direction": DIRECTIONS,
    "sweep.trial": optional(whole(0)),
    "sweep.resume": optional(TEXT),
}
TRAINING_SETTINGS: dict[str, str] = {
    # What is a group chosen by name, `loss=naive_softmax`, holds that name under `loss.name`.
    f"{key}.name" if key in ("loss", "trainer") else key: keyword
    for keyword, key in CONFIGURATION_KEYS.items()
}
SETTINGS = tuple(sorted([*OTHER_SETTINGS, *TRAINING_SETTINGS]))

# What `nw2v compare` has of its own; what it shares with `nw2v train` has the same keys.
COMPARE_KINDS: dict[str, Kind] = {
    "compare.systems": Kind(
        "LOSS/TRAINER, or a list such as [naive_softmax/cooccurrence,negative_sampling/stream]",
        _read_names,
    ),
    "compare.negatives": Kind("a whole number from 1 up, or a list of them", _read_numbers),
    "compare.seeds": whole(1),
    "tracking.vectors": Kind("none: a comparison keeps no vectors", choice("none").read),
}
COMPARE_TRAINING_SETTINGS: dict[str, str] = {
    **{
        key: keyword
        for key, keyword in TRAINING_SETTINGS.items()
        if key.split(".")[0] in ("model", "evaluation", "seed")
    },
    "compare.noise_exponent": "noise_exponent",
    "compare.threads": "threads",
}
COMPARE_TRAINERS = {
    # Key without the trainer's name: keyword.
    "compare.epochs": "epochs",
    "compare.learning_rate": "learning_rate",
}
_UNUSED_BY_COMPARE = (
    "evaluation.vectors",
    *("sweep.metric", "sweep.direction", "sweep.resume", "sweep.trial"),
)
COMPARISON_SETTINGS = tuple(
    sorted(
        [
            *({*OTHER_SETTINGS, *COMPARE_KINDS} - {*_UNUSED_BY_COMPARE}),
            *COMPARE_TRAINING_SETTINGS,
            *(f"{key}.{trainer}" for key in COMPARE_TRAINERS for trainer in TRAINERS),
        ]
    )
)


def leaves(config: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return every value of nested mappings under its dotted key."""
    found: dict[str, Any] = {}
    for name, value in config.items():
        if isinstance(value, Mapping):
            found.update(leaves(value, f"{prefix}{name}."))
        else:
            found[f"{prefix}{name}"] = value
    return found


def read_settings(config: Mapping[str, Any]) -> dict[str, Any]:
    """Check a composed configuration and return its values by dotted key.

    Parameters
    ----------
    config : mapping
        The nested configuration, interpolations resolved.

    Returns
    -------
    dict
        A value of the right type for each key of `SETTINGS`.

    Raises
    ------
    InputError
        A key that does not exist or is missing, or a value of the wrong type or out of range.
    """
    given = _given(config, SETTINGS)
    read = {key: _read_other(key, kind, given[key]) for key, kind in OTHER_SETTINGS.items()}
    objectives.read_objectives(read["sweep.metric"], read["sweep.direction"])
    training = TrainingSettings(**train_keywords(given)).as_dict()
    read |= {key: training[keyword] for key, keyword in TRAINING_SETTINGS.items()}
    if read["loss.name"] == "naive_softmax":
        read |= {key: given[key] for key in ("loss.negatives", "loss.noise_exponent")}
    return read


def read_comparison(config: Mapping[str, Any]) -> dict[str, Any]:
    """Check the composed configuration of `nw2v compare`, as `read_settings` does."""
    given = _given(config, COMPARISON_SETTINGS)
    kinds = {**OTHER_SETTINGS, **COMPARE_KINDS}
    read = {key: _read_other(key, kind, given[key]) for key, kind in kinds.items() if key in given}
    shared = {
        keyword: _as_number(keyword, given[key])
        for key, keyword in COMPARE_TRAINING_SETTINGS.items()
    }
    try:
        training = TrainingSettings(**shared).as_dict()
    except InputError as error:
        raise InputError(_as_compare_key(str(error), COMPARE_TRAINING_SETTINGS)) from None
    read |= {key: training[keyword] for key, keyword in COMPARE_TRAINING_SETTINGS.items()}
    for start, keyword in COMPARE_TRAINERS.items():
        for trainer in TRAINERS:
            key = f"{start}.{trainer}"
            value = _as_number(keyword, given[key])
            try:
                TrainingSettings(trainer=trainer, **{keyword: value})
            except InputError as error:
                raise InputError(_as_compare_key(str(error), {key: keyword})) from None
            read[key] = value
    return read


def _as_compare_key(message: str, keys: Mapping[str, str]) -> str:
    """Name the key of `nw2v compare` in a message that names that of `nw2v train`."""
    for key, keyword in keys.items():
        named = f"{CONFIGURATION_KEYS[keyword]}="
        if message.startswith(named):
            return f"{key}={message.removeprefix(named)}"
    return message


def _given(config: Mapping[str, Any], keys: Sequence[str]) -> dict[str, Any]:
    """Return the leaves of a configuration, which must be those that there are."""
    given = leaves(config)
    for key in given:
        inside = [name for name in keys if name.startswith(f"{key}.")]
        if inside:
            raise InputError(f"{key}={given[key]}: '{key}' holds keys, such as {inside[0]}")
        if key not in keys:
            raise InputError(f"no configuration key '{key}'{did_you_mean(key, keys)}")
    for key in keys:
        if key not in given:
            raise InputError(f"the configuration has no {key}")
        if given[key] == "???":
            raise InputError(f"{key} has no value: give {key}=VALUE")
    return given


def _read_other(key: str, kind: Kind, value: Any) -> Any:
    try:
        return kind.read(value)
    except ValueError:
        shown = "null" if value is None else value
        raise InputError(f"{key}={shown}: expected {kind.accepts}") from None


def listed(value: Any) -> list[Any]:
    """Return a setting that may be one value or several as a list."""
    return value if isinstance(value, list) else [value]


def train_keywords(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the keywords of `nw2v.train` for settings by dotted key.

    What is null and belongs to the loss is left out: the exact softmax draws no negatives.
    """
    keywords = {}
    for key, keyword in TRAINING_SETTINGS.items():
        value = settings[key]
        if value is None and key.startswith("loss."):
            continue
        keywords[keyword] = _as_number(keyword, value)
    return keywords


def _as_number(keyword: str, value: Any) -> Any:
    """Read 1e3 as the whole number it is where one is expected, and 1 as 1.0 elsewhere."""
    expected = _TYPES[keyword]
    if expected.startswith("int") and isinstance(value, float) and value.is_integer():
        return int(value)
    if expected.startswith("float") and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    return value


_TYPES = {field.name: str(field.type) for field in fields(TrainingSettings)}
