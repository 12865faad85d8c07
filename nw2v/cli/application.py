"""A function as a Hydra application: what surrounds it, whatever it does."""

from __future__ import annotations

import functools
import logging
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, redirect_stderr
from pathlib import Path
from typing import Any, TextIO

import hydra
from hydra._internal.hydra import Hydra
from omegaconf import DictConfig

from nw2v.cli.configuration import (
    HYDRA_VERSION_BASE,
    CommandLine,
    config_folder,
    readable_errors,
)
from nw2v.cli.one_of_several import one_of_several
from nw2v.cli.output_folder import own_output_folder
from nw2v.cli.settings import SETTINGS
from nw2v.errors import InputError
from nw2v.files import cannot_write_folder

Job = Callable[[DictConfig], Any]

# Set on an exception that a job raised, to tell it from one that Hydra ran into on the way there.
_FROM_JOB = "raised_in_job"


def launch(
    job: Job,
    config_name: str,
    line: CommandLine,
    config: DictConfig | None,
    *,
    sweep: bool = False,
    keys: Sequence[str] = SETTINGS,
) -> None:
    """Let Hydra run a job, or print what the command line asks for.

    Parameters
    ----------
    job : callable
        Is given the composed configuration. How it fails goes to its log.
    config_name : str
        The file in `conf/` that configures it.
    line : CommandLine
    config : DictConfig or None
        The composed configuration, if a job will run: Hydra need not compose it again.
    sweep : bool
        Whether several jobs will run.
    keys : sequence of str
        All keys of the configuration.

    Raises
    ------
    InputError
        What Hydra finds wrong, in one line; or a folder that is no run's own.
    """
    with ExitStack() as stack:
        if config is not None and not sweep:
            stack.enter_context(own_output_folder(line, config))
        if config is not None:
            stack.enter_context(_composed_already(config, sweep=sweep))
        if sweep:
            wrapped = _marked(one_of_several(job, Path.cwd()))
        else:
            wrapped = _without_hydras_line(_marked(job), stack)
        stack.enter_context(_command_line("nw2v", [*line.overrides, *line.flags]))
        stack.enter_context(_environment("HYDRA_FULL_ERROR", "1"))
        stack.enter_context(_logging_restored())
        stack.enter_context(readable_errors(line.overrides, keys))
        application = hydra.main(
            version_base=HYDRA_VERSION_BASE,
            config_path=str(config_folder()),
            config_name=config_name,
        )(wrapped)
        try:
            application()
        except ValueError as error:
            if line.options.shell_completion:  # a shell that Hydra does not know
                raise InputError(str(error)) from error
            raise
        except OSError as error:
            if getattr(error, _FROM_JOB, False) or not line.trains:
                raise
            raise cannot_write_folder(error.filename, error) from error


@contextmanager
def _command_line(program: str, arguments: Sequence[str]) -> Iterator[None]:
    before, sys.argv = sys.argv, [program, *arguments]
    try:
        yield
    finally:
        sys.argv = before


@contextmanager
def _environment(name: str, value: str) -> Iterator[None]:
    """Set a variable for a while; this one lets Hydra raise errors instead of printing them."""
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            del os.environ[name]
        else:
            os.environ[name] = before


@contextmanager
def _logging_restored() -> Iterator[None]:
    """Take back what Hydra does to the root logger, and close the log file of the last job."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    try:
        yield
    finally:
        for handler in root.handlers[:]:
            if handler not in handlers:
                root.removeHandler(handler)
                handler.close()
        for handler in handlers:
            if handler not in root.handlers:
                root.addHandler(handler)
        root.setLevel(level)


@contextmanager
def _composed_already(config: DictConfig, *, sweep: bool) -> Iterator[None]:
    """Let Hydra take a configuration as it has been composed: it would do so twice more.

    Once only to look at `hydra.mode`; and once for its job, or for a sweep, of which this is the
    first job's configuration. What is composed later, by callbacks say, is composed.
    """
    get_mode, compose_config = Hydra.get_mode, Hydra.compose_config

    def first_config(self: Hydra, *arguments: Any, **keywords: Any) -> DictConfig:
        Hydra.compose_config = compose_config  # type: ignore[method-assign]
        loader: Any = self.config_loader
        loader.load_configuration = lambda *arguments, **keywords: config
        try:
            return compose_config(self, *arguments, **keywords)
        finally:
            del loader.load_configuration

    Hydra.get_mode = lambda self, config_name, overrides: config.hydra.mode  # type: ignore[method-assign]
    if not sweep:
        Hydra.compose_config = first_config  # type: ignore[method-assign]
    try:
        yield
    finally:
        Hydra.get_mode, Hydra.compose_config = get_mode, compose_config  # type: ignore[method-assign]


def _marked(job: Job) -> Job:
    """Wrap a job so that its log says how it failed, and its errors are known as its own."""
    log = logging.getLogger(job.__module__)

    @functools.wraps(job)
    def marked_job(config: DictConfig) -> Any:
        try:
            return job(config)
        except Exception as error:
            setattr(error, _FROM_JOB, True)
            log.info("failed", exc_info=True)
            raise
        except KeyboardInterrupt:
            log.info("interrupted")
            raise

    return marked_job


def _without_hydras_line(job: Any, stack: ExitStack) -> Any:
    """Wrap a job so that only our own line about its failure is printed, not Hydra's as well."""

    @functools.wraps(job)
    def quiet_job(config: DictConfig) -> Any:
        try:
            return job(config)
        except Exception:
            stack.enter_context(redirect_stderr(_WithoutHydrasLine(sys.stderr)))
            raise

    return quiet_job


class _WithoutHydrasLine:
    """A stream that swallows the line which Hydra prints before it raises a job's exception."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        if text.startswith("Error executing job with overrides"):
            return len(text)
        return self._stream.write(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
