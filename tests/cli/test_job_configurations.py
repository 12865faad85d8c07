"""A job is given the configuration that Hydra would have composed for it, to the last flag."""

from __future__ import annotations

import copy
import os
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hydra import initialize_config_dir
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra.core.global_hydra import GlobalHydra
from hydra.core.hydra_config import HydraConfig
from hydra.core.utils import setup_globals
from hydra.errors import HydraException
from hydra.types import RunMode
from omegaconf import DictConfig, ListConfig, OmegaConf, open_dict

from nw2v.cli.configuration import HYDRA_VERSION_BASE, config_folder
from nw2v.cli.job_configurations import JobConfigurations

GIVEN = ["hydra/launcher=joblib", "hydra.sweep.dir='sweep-${now:%f}'"]
OF_NW2V = [
    ["model.dim=10", "seed=1", "hydra.sweep.subdir=0"],
    ["model.dim=20", "seed=2", "hydra.sweep.subdir=1"],
    ["seed=3", "model.dim=20", "hydra.sweep.subdir=2"],
    ["model.dim=20", "seed=3"],
    ["model.dim=20", "model.dim=30"],
    ["loss=naive_softmax", "loss.negatives=null", "hydra.sweep.subdir=3"],
    ["loss=negative_sampling", "loss.negatives=7", "hydra.sweep.subdir=4"],
    ["loss.negatives=9", "loss=negative_sampling"],
    ["loss=naive_softmax", "trainer=cooccurrence", "loss.negatives=null"],
    ["corpus=file", "corpus.path='my texts/one, two = three.txt'"],
    ["corpus=file", "corpus.path='${oc.env:HOME}/${corpus.name}.txt'"],
    ["tracking.run_name='dim ${model.dim}'", "model.dim=40"],
    ["tracking.run_name='job ${hydra.job.num}'", "model.dim=50"],
    ["tracking.run_name='${hydra.job.override_dirname}'", "model.dim=50"],
    ["tracking.run_name='at ${now:%f}'"],
    ["seed='1'"],
    ["seed=true"],
    ["seed=1e3"],
    ["seed=-0.5"],
    ["seed=???"],
    ["seed=''"],
    ["sweep.metric=[analogy/accuracy,train/seconds]", "seed=1"],
    ["sweep.metric=analogy/accuracy", "seed=2"],
    ["loss={noise_exponent:0.5}", "loss.negatives=3"],
    ["loss.negatives=3", "loss={noise_exponent:0.5,negatives:4}"],
    ["model={dim:3}", "model.window=4"],
    ["model=null"],
    ["+model.depth=2", "seed=4"],
    ["+model.depth=2", "model.depth=3"],
    ["++model.dim=60", "model.dim=70"],
    ["model.dim=70", "++model.dim=60"],
    ["~model.dim", "seed=5"],
    ["~loss", "seed=5"],
    ["experiment=quick", "seed=6"],
    ["experiment=quick", "seed=7", "trainer.epochs=2"],
    ["hydra.job.name=other", "seed=8"],
    ["hydra.job.config.override_dirname.exclude_keys=[seed]", "seed=9", "model.dim=3"],
    ["hydra.job.config.override_dirname.item_sep='; '", "seed=9", "model.dim=3"],
    ["+hydra.job.env_copy=[HOME]", "seed=1"],
    ["hydra.verbose=true", "seed=10"],
    ["hydra.sweep={subdir:there}", "hydra.sweep.subdir=here"],
    ["hydra.sweep.subdir='${hydra.job.override_dirname}'", "seed=11"],
    ["hydra/job_logging=none", "seed=12"],
    [],
]
WRONG = [
    ["model.dims=10"],
    ["seed=1", "model.dims=10"],
    ["seed=1,2"],
    ["seed=1", "loss=none_such"],
    ["loss.negatives=1", "~loss"],
    ["seed"],
    ["hydra.job.nam=x", "seed=1"],
    ["hydra.sweep.subdir=null"],
    ["~model.dim", "model.dim=3"],
    ["+seed=3"],
    ["trainer@other=stream"],
]
OTHER = """
defaults: [_self_, size: small, override hydra/hydra_logging: none]
seed: 1
name: run-${seed}
size: {layers: [1, 2], inner: {width: 3}, of: "${seed}"}
nothing: {}
hydra: {job: {name: other}}
"""
OF_OTHER = [
    ["seed=1", "name=x"],
    ["seed=2", "name=null"],
    ["seed=3", "name='${size.inner.width}'"],
    ["seed=3", "size.inner.width=8"],
    ["size=large", "size.inner.width=8", "seed=4"],
    ["size=large", "size.inner.width=9", "seed=4"],
    ["size.layers=3"],
    ["size.layers=null"],
    ["size.layers.0=3"],
    ["size.inner=null"],
    ["size.inner=4"],
    ["nothing=4"],
    ["nothing=null"],
    ["size.of=5"],
    ["size.whole=true"],
    ["hydra.searchpath=[file://more]", "size=huge", "seed=5"],
]


def described(node: Any, key: str = "") -> dict[str, Any]:
    """Return all that makes a node and those below it what they are, by key."""
    facts = copy.deepcopy(vars(node._metadata))
    facts |= {"flags": facts["flags"] or {}, "kind": type(node)}
    content = node._content if isinstance(node, DictConfig | ListConfig) else node._value()
    below = {}
    if isinstance(content, dict | list):
        pairs = content.items() if isinstance(content, dict) else enumerate(content)
        below = {f"{key}.{name!s}": each for name, each in pairs}
        content = list(below)
    found: dict[str, Any] = {key: (facts, content)}
    for name, each in below.items():
        found |= described(each, name)
    return found


def resolved(config: DictConfig) -> str:
    """Return a configuration as the job sees it, run as the launchers run it."""
    config = copy.deepcopy(config)
    with open_dict(config):
        config.hydra.job.num, config.hydra.job.id = 7, "train_7"
        config.hydra.runtime.output_dir = "sweep/7"
    HydraConfig.instance().set_config(config)
    return OmegaConf.to_yaml(config, resolve=True)


@pytest.fixture
def hydra_of(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Let Hydra compose from a folder: its loader, and the configuration of a sweep."""
    monkeypatch.setattr(HydraConfig.instance(), "cfg", None)
    contexts = []

    def load(folder: Path, name: str, given: list[str]) -> tuple[Any, DictConfig]:
        context = initialize_config_dir(str(folder), version_base=HYDRA_VERSION_BASE)
        contexts.append(context)
        context.__enter__()
        setup_globals()
        loader = GlobalHydra.instance().config_loader()
        master = loader.load_configuration(name, given, run_mode=RunMode.MULTIRUN)
        assert master.hydra.sweep.dir and master.hydra.run.dir  # times that its jobs have too
        return loader, master

    yield load
    for context in contexts:
        context.__exit__(None, None, None)


def check_all(loader: ConfigLoaderImpl, master: DictConfig, jobs: list[list[str]]) -> None:
    quick = JobConfigurations(loader)
    by_hydra = [(overrides, loader.load_sweep_config(master, overrides)) for overrides in jobs]
    for overrides, expected in [*by_hydra, *reversed(by_hydra)]:
        found = quick.load_sweep_config(master, overrides)
        assert described(found) == described(expected), overrides
        assert OmegaConf.to_yaml(found) == OmegaConf.to_yaml(expected), overrides
        try:
            text = resolved(expected)
        except Exception as error:
            with pytest.raises(type(error)) as raised:
                resolved(found)
            assert str(raised.value) == str(error)
        else:
            assert resolved(found) == text, overrides
        with open_dict(found):  # what a job does to its own is nothing to the next
            found.seed = "changed"
            found.hydra.job.env_set["CHANGED"] = "1"
            found.hydra.overrides.task.append("changed=1")


def test_jobs_get_what_hydra_composes(hydra_of: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home")
    loader, master = hydra_of(config_folder(), "train", GIVEN)
    check_all(loader, master, OF_NW2V)


def test_jobs_of_another_configuration_get_what_hydra_composes(
    hydra_of: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("main.yaml").write_text(OTHER)
    for name, text in {
        "size/small": "whole: false",
        "size/large": "inner: {width: 30}",
        "more/size/huge": "inner: {width: 300}",
    }.items():
        Path(f"{name}.yaml").parent.mkdir(parents=True, exist_ok=True)
        Path(f"{name}.yaml").write_text(text)
    loader, master = hydra_of(tmp_path, "main", [])
    check_all(loader, master, OF_OTHER)


@pytest.mark.parametrize("overrides", WRONG, ids=" ".join)
def test_what_is_wrong_hydra_says(overrides: list[str], hydra_of: Any) -> None:
    loader, master = hydra_of(config_folder(), "train", GIVEN)
    quick = JobConfigurations(loader)
    quick.load_sweep_config(master, ["seed=1"])
    with pytest.raises(HydraException) as expected:
        loader.load_sweep_config(master, overrides)
    with pytest.raises(type(expected.value)) as found:
        quick.load_sweep_config(master, overrides)
    assert str(found.value) == str(expected.value)


def test_hydra_composes_once_what_jobs_have_in_common_in_each_process(
    hydra_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    loader, master = hydra_of(config_folder(), "train", GIVEN)
    composed = []
    original = ConfigLoaderImpl.load_configuration

    def load_configuration(self: ConfigLoaderImpl, *args: Any, **kwargs: Any) -> DictConfig:
        composed.append(kwargs["overrides"])
        return original(self, *args, **kwargs)

    monkeypatch.setattr(ConfigLoaderImpl, "load_configuration", load_configuration)
    quick = JobConfigurations(loader)
    for number in range(4):
        loss = "naive_softmax" if number % 2 else "negative_sampling"
        negatives = "null" if number % 2 else "5"
        texts = [f"loss={loss}", f"loss.negatives={negatives}", f"hydra.sweep.subdir={number}"]
        # Another process is given a copy of both with each of its jobs.
        a_copy, of_master = pickle.loads(pickle.dumps((quick, master)))
        config = a_copy.load_sweep_config(of_master, [*texts, f"seed={number}"])
        assert (config.seed, config.hydra.sweep.subdir) == (number, str(number))
    assert composed == [
        [*GIVEN, "loss=negative_sampling"],
        [*GIVEN, "loss=naive_softmax"],
    ]
    # Another sweep in the same process has nothing of this one.
    other = JobConfigurations(loader)
    with open_dict(master):
        master.hydra.overrides.hydra = ["hydra.job.name=other"]
    assert other.load_sweep_config(master, ["seed=1"]).hydra.job.name == "other"
    assert len(composed) == 3


def test_a_variable_that_is_copied_is_read_for_each_job(
    hydra_of: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(os.environ, "OF_THE_JOB", "of the sweep")
    loader, master = hydra_of(config_folder(), "train", ["hydra.job.env_copy=[OF_THE_JOB]"])
    quick = JobConfigurations(loader)
    for value in ("first", "second"):
        monkeypatch.setitem(os.environ, "OF_THE_JOB", value)
        config = quick.load_sweep_config(master, [f"tracking.run_name={value}"])
        assert config.hydra.job.env_set == {"OF_THE_JOB": value}
