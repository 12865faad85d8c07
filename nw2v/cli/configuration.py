"""Hydra's side of the command line: where `conf/` is, composing it, and its errors in one line."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

import yaml
from hydra import compose, initialize_config_dir
from hydra._internal.utils import get_args_parser
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import IntervalSweep, Override
from hydra.errors import (
    CompactHydraException,
    HydraException,
    MissingConfigException,
    OverrideParseException,
)
from hydra.types import RunMode
from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import ConfigAttributeError, ConfigKeyError, OmegaConfBaseException

import nw2v
from nw2v.cli.settings import SETTINGS
from nw2v.cli.suggestions import did_you_mean
from nw2v.errors import InputError

HYDRA_VERSION_BASE = "1.3"
# Options that other packages bring.
_EXTRAS = {
    "hydra/launcher=submitit_local": "submitit",
    "hydra/launcher=submitit_slurm": "submitit",
}


def config_folder() -> Path:
    """Return the folder of `conf/`: inside the installed package, or beside it in a checkout."""
    package = Path(nw2v.__file__).resolve().parent
    for folder in (package / "conf", package.parent / "conf"):
        if (folder / "train.yaml").is_file():
            return folder
    raise InputError(f"no configuration in {package / 'conf'}: install nw2v again")


@dataclass(frozen=True)
class CommandLine:
    """What stands after `nw2v train` or `nw2v compare`.

    Attributes
    ----------
    overrides : list of str
        KEY=VALUE.
    flags : list of str
        Hydra's options, each with its value in one word; folders are absolute.
    options : argparse.Namespace
        The same options, parsed.
    """

    overrides: list[str]
    flags: list[str]
    options: argparse.Namespace

    @property
    def trains(self) -> bool:
        """Whether anything will be trained, rather than printed."""
        options = self.options
        printed = (options.help, options.hydra_help, options.shell_completion, options.cfg)
        return not any(printed) and options.info is None

    @property
    def composes(self) -> bool:
        """Whether Hydra will compose the application's configuration."""
        return not (self.options.hydra_help or self.options.shell_completion)


def parse_command_line(arguments: Sequence[str], command: str = "train") -> CommandLine:
    """Separate overrides from Hydra's options, in whatever order they stand.

    Parameters
    ----------
    arguments : sequence of str
        What stands after the command.
    command : str
        Whose help is pointed at.

    Raises
    ------
    InputError
        An option that Hydra does not have.
    """
    parser = get_args_parser()
    parser.error = partial(_refuse_option, command)  # type: ignore[method-assign]
    options = parser.parse_intermixed_args(list(arguments))
    words = [word for word in arguments if word not in options.overrides]
    flags = list(_in_one_word_each(parser, words))
    # Hydra would look for a relative folder beside nw2v's own code, and a sweep that is resumed
    # where it was begun.
    for option in ("config_path", "config_dir"):
        name, folder = f"--{option.replace('_', '-')}=", getattr(options, option) or None
        flags = [flag for flag in flags if not flag.startswith(name)]
        if folder is not None:
            folder = str(Path(folder).absolute())
            flags.append(f"{name}{folder}")
        setattr(options, option, folder)
    modes = [options.run, options.multirun, options.cfg, options.info, options.shell_completion]
    if sum(bool(mode) for mode in modes) > 1:
        raise InputError("give one of --run, --multirun, --cfg, --info and --shell-completion")
    return CommandLine(list(options.overrides), flags, options)


def _in_one_word_each(parser: argparse.ArgumentParser, words: Sequence[str]) -> Iterator[str]:
    """Join each option that takes a value with it, by the option's longest name."""
    names = {
        name: max(action.option_strings, key=len)
        for name, action in parser._option_string_actions.items()
        if isinstance(action, argparse._StoreAction) and action.nargs is None
    }
    rest = iter(words)
    for word in rest:
        name, equals, value = word.partition("=")
        if name not in names:
            yield word
        else:
            yield f"{names[name]}={value if equals else next(rest)}"


def _refuse_option(command: str, message: str) -> NoReturn:
    raise InputError(f"{message}; 'nw2v {command} --help' lists keys and options")


def compose_all(
    line: CommandLine,
    config_name: str = "train",
    keys: Sequence[str] = SETTINGS,
    no_sweeps: str = "",
) -> list[DictConfig]:
    """Compose the configuration of a command line, a sweep's with each of its values.

    A sweep over several keys has as many jobs as the product of the numbers of their values;
    here each value appears once, beside the first values of the other keys, which is enough to
    find the ones that no job could take.

    Parameters
    ----------
    line : CommandLine
    config_name : str
        The file in `conf/`, unless the command line names another one.
    keys : sequence of str
        All that there are, to tell which one was meant.
    no_sweeps : str
        What to say of several values or -m, where the command makes no sweeps.

    Returns
    -------
    list of DictConfig
        With the node `hydra`. One, unless it is a sweep.

    Raises
    ------
    InputError
        A configuration cannot be composed.
    """
    with readable_errors(line.overrides, keys), initialized(line.options, config_name):
        name = line.options.config_name or config_name
        loader = GlobalHydra.instance().config_loader()
        parsed = OverridesParser.create(loader).parse_overrides(line.overrides)
        sweeps = [override for override in parsed if override.is_sweep_override()]
        fixed = [str(override.input_line) for override in parsed if override not in sweeps]
        fixed += additional_folder(line)
        if not sweeps:
            alone = compose(name, fixed, return_hydra_config=True)
            if no_sweeps and is_sweep(line, alone):
                raise InputError(no_sweeps)
            return [alone]
        if no_sweeps:
            raise InputError(f"{sweeps[0].input_line}: {no_sweeps}")
        if not line.options.multirun:
            alone = compose(name, fixed, return_hydra_config=True)
            if alone.hydra.mode != RunMode.MULTIRUN:
                raise InputError(
                    f"{sweeps[0].input_line}: several values make a sweep, which needs -m "
                    f"(one list as the value of a key: {sweeps[0].get_key_element()}=[a,b])"
                )
        values = [_values(override) for override in sweeps]
        chosen = [each[0] for each in values]
        jobs = [list(chosen)]
        for index, several in enumerate(values):
            jobs += [[*chosen[:index], value, *chosen[index + 1 :]] for value in several[1:]]
        return [compose(name, [*fixed, *job], return_hydra_config=True) for job in jobs]


def _values(override: Override) -> list[str]:
    key = override.get_key_element()
    value = override.value()
    if isinstance(value, IntervalSweep):
        start, end = value.start, value.end
        assert start is not None and end is not None
        # Both ends of an interval may be whole numbers where only whole ones are taken.
        within = start + (end - start) * 0.382
        inner = int(within) if isinstance(start, int) and isinstance(end, int) else within
        return [f"{key}={each}" for each in (start, end, inner)]
    values = [f"{key}={each}" for each in override.sweep_string_iterator()]
    if not values:
        raise InputError(f"{override.input_line}: no values to sweep over")
    return values


def is_sweep(line: CommandLine, config: DictConfig) -> bool:
    """Whether the command line starts several jobs."""
    return bool(line.options.multirun or config.hydra.mode == RunMode.MULTIRUN)


def plain(config: DictConfig) -> dict[str, Any]:
    """Return the application's part of a composed configuration as nested dicts, resolved."""
    own = config.copy()
    with open_dict(own):
        own.pop("hydra", None)
    with readable_errors([]):
        container = OmegaConf.to_container(own, resolve=True, throw_on_missing=False)
    assert isinstance(container, dict)
    return {str(key): value for key, value in container.items()}


@contextmanager
def readable_errors(overrides: Sequence[str], keys: Sequence[str] = SETTINGS) -> Iterator[None]:
    """Turn what Hydra and OmegaConf raise about a configuration into an InputError of one line."""
    try:
        yield
    except OverrideParseException as error:
        raise InputError(_unreadable(error)) from error
    except MissingConfigException as error:
        raise _no_such_option(error) from error
    except (HydraException, OmegaConfBaseException) as error:
        raise InputError(
            _unknown_key(overrides, keys) or _unknown_key_of_hydra(error) or _first_lines(error)
        ) from error
    except yaml.YAMLError as error:
        raise InputError(_bad_yaml(error)) from error


def _bad_yaml(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    if mark is None:
        return f"not valid YAML: {error}"
    return f"{mark.name}:{mark.line + 1}: not valid YAML: {getattr(error, 'problem', '')}"


def _unreadable(error: OverrideParseException) -> str:
    override = str(error.override)
    if "=" not in override and not override.startswith("~"):
        return f"cannot read '{override}': write KEY=VALUE, such as model.dim=200"
    key, _, value = override.partition("=")
    return (
        f"cannot read '{override}': a value with characters such as = ( ) [ ] , or spaces "
        f"stands in quotes of its own: '{key}=\"{value}\"'"
    )


def _no_such_option(error: MissingConfigException) -> InputError:
    group, _, option = (error.missing_cfg_file or "").rpartition("/")
    option = option.removesuffix(".yaml")
    if not group or not error.options:
        return InputError(_first_lines(error))
    if extra := _EXTRAS.get(f"{group}={option}"):
        return InputError(f"{group}={option} needs other packages: pip install 'nw2v[{extra}]'")
    there = ", ".join(error.options)
    hint = did_you_mean(option, error.options)
    return InputError(f"{group}={option}: there is no such option{hint} (there is: {there})")


def _unknown_key(overrides: Sequence[str], known: Sequence[str]) -> str | None:
    """Say which override names a key that does not exist, if one does."""
    found = {path.name for path in config_folder().iterdir() if path.is_dir()}
    groups = sorted(found & {"experiment", *(key.split(".")[0] for key in known)})
    sections = {key.rpartition(".")[0] for key in known} - {""}
    for override in OverridesParser.create().parse_overrides(list(overrides)):
        key = override.key_or_group
        if key.split(".")[0].split("/")[0] == "hydra" or key in known or key in groups:
            continue
        if key in sections:
            keys = ", ".join(each for each in known if each.startswith(f"{key}."))
            return f"{override.input_line}: '{key}' has no value of its own, only {keys}"
        return f"no configuration key '{key}'{did_you_mean(key, [*groups, *known])}"
    return None


def _unknown_key_of_hydra(error: BaseException) -> str | None:
    """Say which key below `hydra` does not exist, if that is what is wrong."""
    cause = error.__cause__
    path, node = getattr(cause, "full_key", None), getattr(cause, "parent_node", None)
    if not isinstance(cause, ConfigKeyError | ConfigAttributeError) or not path:
        return None
    if not path.startswith("hydra.") or not isinstance(node, DictConfig):
        return None
    above = path.rpartition(".")[0]
    there = [f"{above}.{key!s}" for key in node]
    return f"no configuration key '{path}'{did_you_mean(path, there)}"


def _first_lines(error: BaseException) -> str:
    """Return an error and its cause without the lines that tell about the inside of Hydra."""
    text = str(error)
    for inside in ("\nConfig search path", "\nTo append to", "\n    full_key:"):
        text = text.partition(inside)[0]
    cause = error.__cause__
    if isinstance(error, CompactHydraException) and isinstance(cause, OmegaConfBaseException):
        text += f" {_first_lines(cause)}"
    key = getattr(error, "full_key", None)
    return " ".join(f"{key}: {text}".split()) if key else " ".join(text.split())


@contextmanager
def initialized(options: argparse.Namespace, job: str = "train") -> Iterator[None]:
    """Let Hydra compose from the folder that the options name, else from `conf/`.

    `job` is `hydra.job.name` where the configuration does not say.
    """
    folder = str(options.config_path or config_folder())
    with initialize_config_dir(folder, job_name=job, version_base=HYDRA_VERSION_BASE):
        yield


def additional_folder(line: CommandLine) -> list[str]:
    """Return the override by which Hydra finds the folder of `--config-dir`, if there is one."""
    if line.options.config_dir is None:
        return []
    folder = Path(line.options.config_dir)
    if not folder.is_dir():
        raise InputError(f"--config-dir {folder}: no such folder")
    if any(override.startswith("hydra.searchpath=") for override in line.overrides):
        return []
    return [f"hydra.searchpath=['file://{folder}']"]
