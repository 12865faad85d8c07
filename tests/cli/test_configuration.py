"""Tests of the configuration tree, its documentation and what is said about wrong keys."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from nw2v.cli.configuration import (
    compose_all,
    config_folder,
    is_sweep,
    parse_command_line,
    plain,
)
from nw2v.cli.settings import SETTINGS, leaves, read_settings
from nw2v.errors import InputError

REPOSITORY = Path(__file__).resolve().parents[2]
CONF = REPOSITORY / "conf"
OPTIONS = sorted(
    f"{path.parent.name}={path.stem}"
    for path in CONF.glob("*/*.yaml")
    if path.parent.name != "hydra"
)


def compose_one(*arguments: str) -> dict[str, Any]:
    (config,) = compose_all(parse_command_line(arguments))
    return plain(config)


def settings(*arguments: str) -> dict[str, Any]:
    return read_settings(compose_one(*arguments))


def documented() -> dict[str, str]:
    """Key and default of each row of the tables in docs/configuration.md."""
    text = (REPOSITORY / "docs" / "configuration.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([a-z_.]+)` \| ([^|]+) \| [^|]+ \|$", text, flags=re.MULTILINE)
    return {key: default.strip().strip("`") for key, default in rows}


def test_the_configuration_is_the_one_of_this_checkout() -> None:
    assert config_folder() == CONF


def test_every_leaf_is_a_known_setting_and_documented_with_its_default() -> None:
    given = leaves(compose_one())
    assert sorted(given) == sorted(SETTINGS)
    rows = {key: yaml.safe_load(text) for key, text in documented().items() if key in given}
    assert sorted(rows) == sorted(given)
    for key, value in given.items():
        read = float(rows[key]) if isinstance(value, float) else rows[key]
        assert read == value, key


def test_every_group_and_option_is_documented() -> None:
    text = (REPOSITORY / "docs" / "configuration.md").read_text(encoding="utf-8")
    for group, option in (each.split("=") for each in OPTIONS):
        row = re.search(rf"^\| `{group}` \| (.+?) \|", text, flags=re.MULTILINE)
        assert row and f"`{option}`" in row[1]


@pytest.mark.parametrize("option", OPTIONS)
def test_every_option_composes_to_valid_settings(option: str) -> None:
    read = settings(option)
    group, name = option.split("=")
    if group != "experiment":
        assert read[f"{group}.name"] == name


def test_every_corpus_of_nw2v_is_an_option() -> None:
    from nw2v.corpus import corpus_names

    options = {each.removeprefix("corpus=") for each in OPTIONS if each.startswith("corpus=")}
    assert options - {"file"} <= set(corpus_names()) <= options - {"file"} | _others()


def _others() -> set[str]:
    from importlib.metadata import entry_points

    return {point.name for point in entry_points(group="nw2v.corpora")}


def test_defaults_are_those_of_the_python_functions() -> None:
    import inspect

    from nw2v import train
    from nw2v.cli.settings import train_keywords
    from nw2v.corpus import Corpus, Tokenizer

    defaults = {
        name: parameter.default
        for name, parameter in inspect.signature(train).parameters.items()
        if name not in ("corpus", "evaluate", "callbacks")
    }
    read = settings()
    assert train_keywords(read) == defaults
    tokenizer = Tokenizer()
    for name in ("lowercase", "words", "unicode_normalization"):
        assert read[f"corpus.{name}"] == getattr(tokenizer, name)
    signature = inspect.signature(Corpus.from_file)
    for name in ("min_count", "max_vocabulary", "max_sentence_length", "encoding_errors"):
        assert read[f"corpus.{name}"] == signature.parameters[name].default


def test_numbers_may_be_written_in_other_ways() -> None:
    read = settings(
        "corpus.max_vocabulary=1e4", "model.dim=1e2", "model.subsample=0", "tracking.run_name=12"
    )
    assert (read["corpus.max_vocabulary"], type(read["corpus.max_vocabulary"])) == (10_000, int)
    assert (read["model.dim"], type(read["model.dim"])) == (100, int)
    assert (read["model.subsample"], type(read["model.subsample"])) == (0.0, float)
    assert read["tracking.run_name"] == "12"


def test_one_evaluation_set_needs_no_brackets() -> None:
    assert settings("evaluation.analogies=google")["evaluation.analogies"] == ["google"]
    assert settings("evaluation.analogies=null")["evaluation.analogies"] == []
    assert settings("evaluation.similarity=[a.txt,b.txt]")["evaluation.similarity"] == [
        "a.txt",
        "b.txt",
    ]


def test_the_exact_softmax_has_no_negatives() -> None:
    read = settings("loss=naive_softmax")
    assert read["loss.negatives"] is None and read["loss.noise_exponent"] is None
    assert settings("loss=naive_softmax", "loss.negatives=7")["loss.negatives"] == 7


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("model.dims=3", "no configuration key 'model.dims'; did you mean model.dim?"),
        ("dim=3", "no configuration key 'dim'; did you mean model.dim?"),
        (
            "learning_rate=1",
            "no configuration key 'learning_rate'; did you mean trainer.learning_rate?",
        ),
        ("tranier.epochs=3", "no configuration key 'tranier.epochs'; did you mean trainer.epochs?"),
        ("corpsu=kjv", "no configuration key 'corpsu'; did you mean corpus?"),
        ("+model.dims=3", "no configuration key 'model.dims'; did you mean model.dim?"),
        ("qwertz=3", "no configuration key 'qwertz'"),
        ("~model.dim", "the configuration has no model.dim"),
        (
            "corpus=docstring",
            "corpus=docstring: there is no such option; did you mean docstrings? "
            "(there is: docstrings, file, kjv, lm1b, text8, wikitext-103, wikitext-2)",
        ),
        (
            "loss=softmax",
            "loss=softmax: there is no such option; did you mean naive_softmax? "
            "(there is: naive_softmax, negative_sampling)",
        ),
        (
            "trainer=cooccurence",
            "trainer=cooccurence: there is no such option; did you mean cooccurrence? "
            "(there is: cooccurrence, stream)",
        ),
        (
            "hydra.sweep.dirr=x",
            "no configuration key 'hydra.sweep.dirr'; did you mean hydra.sweep.dir?",
        ),
        (
            "hydra/sweeper=nope",
            "hydra/sweeper=nope: there is no such option (there is: basic, grid, optuna)",
        ),
        ("model.dim", "cannot read 'model.dim': write KEY=VALUE, such as model.dim=200"),
        (
            "corpus.path=a (b).txt",
            "cannot read 'corpus.path=a (b).txt': a value with characters such as "
            "= ( ) [ ] , or spaces stands in quotes of its own: 'corpus.path=\"a (b).txt\"'",
        ),
        (
            "model.window=2,5",
            "model.window=2,5: several values make a sweep, which needs -m "
            "(one list as the value of a key: model.window=[a,b])",
        ),
        ("model=3", "model=3: 'model' holds keys, such as model.dim"),
        ("model.dim=abc", "model.dim='abc': expected a whole number from 1 to 10,000"),
        ("model.dim=", "model.dim='': expected a whole number from 1 to 10,000"),
        ("model.dim=1.5", "model.dim=1.5: expected a whole number from 1 to 10,000"),
        ("model.dim=0", "model.dim=0: expected a whole number from 1 to 10,000"),
        ("model.dim=[1]", "model.dim=[1]: expected a whole number from 1 to 10,000"),
        ("model.window=0", "model.window=0: expected a whole number from 1 to 10,000"),
        ("model.subsample=-1", "model.subsample=-1.0: expected a number from 0 to 1"),
        ("loss.negatives=-1", "loss.negatives=-1: expected a whole number from 1 to 10,000"),
        (
            "trainer.learning_rate=nan",
            "trainer.learning_rate=nan: expected a number above 0 up to 100",
        ),
        ("trainer.epochs=0", "trainer.epochs=0: expected a whole number from 1 to 1,000,000"),
        ("trainer.threads=0", "trainer.threads=0: expected a whole number from 1 to 4,096"),
        (
            "trainer.optimizer=adam",
            "trainer.optimizer=adam: trainer=stream has no such setting (it takes the text window "
            "by window); leave it unset",
        ),
        ("trainer.deterministic=1", "trainer.deterministic=1: expected true or false"),
        (
            "evaluation.heldout_fraction=2",
            "evaluation.heldout_fraction=2.0: expected a number from 0 to 0.5",
        ),
        ("evaluation.vectors=V", "evaluation.vectors=V: expected center, outside or sum"),
        ("seed=-1", "seed=-1: expected a whole number from 0 to 9,223,372,036,854,775,807"),
        ("corpus.min_count=0", "corpus.min_count=0: expected a whole number from 1 up"),
        (
            "corpus.max_vocabulary=1",
            "corpus.max_vocabulary=1: expected a whole number from 2 up, or null",
        ),
        ("corpus.lowercase=yes", "corpus.lowercase=yes: expected true or false"),
        (
            "corpus.encoding_errors=ignore",
            "corpus.encoding_errors=ignore: expected strict or replace",
        ),
        ("tracking.vectors=some", "tracking.vectors=some: expected all, best or none"),
        (
            "sweep.direction=up",
            "sweep.direction=up: expected maximize or minimize, or a list of as many as "
            "sweep.metric has",
        ),
        ("seed=${nope}", "seed: Interpolation key 'nope' not found"),
    ],
)
def test_what_is_said_about_a_wrong_override(override: str, message: str) -> None:
    with pytest.raises(InputError) as caught:
        settings(override)
    assert str(caught.value) == message


def test_flags_and_overrides_may_stand_in_any_order() -> None:
    line = parse_command_line(["model.dim=3", "-m", "seed=1,2", "--config-dir", "x", "loss=a,b"])
    assert line.overrides == ["model.dim=3", "seed=1,2", "loss=a,b"]
    assert line.flags == ["-m", f"--config-dir={Path.cwd() / 'x'}"]
    assert line.trains


@pytest.mark.parametrize(
    "words", [["--config-path", "own"], ["--config-path=own"], ["-cp", "own"], ["-cp=own"]]
)
def test_folders_are_those_that_the_user_sees(words: list[str]) -> None:
    line = parse_command_line([*words, "-cn", "other", "seed=1"])
    folder = str(Path.cwd() / "own")
    assert line.options.config_path == folder
    assert line.flags == ["--config-name=other", f"--config-path={folder}"]
    assert parse_command_line(line.flags).flags == line.flags
    assert parse_command_line(["--config-path="]).flags == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["--sweep"],
            "unrecognized arguments: --sweep; 'nw2v train --help' lists keys and options",
        ),
        (
            ["--cfg", "job", "-m"],
            "give one of --run, --multirun, --cfg, --info and --shell-completion",
        ),
        (["-cd", "/no/such"], "--config-dir /no/such: no such folder"),
        (
            ["-cn", "other"],
            "Cannot find primary config 'other'. Check that it's in your config search path.",
        ),
    ],
)
def test_what_is_said_about_wrong_flags(arguments: list[str], message: str) -> None:
    with pytest.raises(InputError) as caught:
        compose_all(parse_command_line(arguments))
    assert str(caught.value) == message


def test_a_sweep_is_composed_with_each_of_its_values() -> None:
    line = parse_command_line(
        ["-m", "model.dim=50,100,200", "loss=naive_softmax,negative_sampling"]
    )
    configs = compose_all(line)
    assert is_sweep(line, configs[0])
    read = [read_settings(plain(config)) for config in configs]
    assert [(each["model.dim"], each["loss.name"]) for each in read] == [
        (50, "naive_softmax"),
        (100, "naive_softmax"),
        (200, "naive_softmax"),
        (50, "negative_sampling"),
    ]


@pytest.mark.parametrize(
    ("sweep", "key", "values"),
    [
        ("model.window=range(2,5)", "model.window", [2, 3, 4]),
        ("trainer.learning_rate=interval(0.1,1)", "trainer.learning_rate", [0.1, 1.0, 0.4438]),
        ("corpus=glob(text*)", "corpus.name", ["text8"]),
    ],
)
def test_other_kinds_of_sweeps(sweep: str, key: str, values: list[Any]) -> None:
    configs = compose_all(parse_command_line(["--multirun", sweep]))
    assert [read_settings(plain(config))[key] for config in configs] == values


def test_a_sweep_without_values_is_refused() -> None:
    with pytest.raises(InputError, match=r"no values to sweep over"):
        compose_all(parse_command_line(["-m", "corpus=glob(x*)"]))


def test_files_of_ones_own(tmp_path: Path) -> None:
    (tmp_path / "corpus").mkdir()
    (tmp_path / "corpus" / "mine.yaml").write_text("name: mine\npath: a.txt\n")
    read = settings("--config-dir", str(tmp_path), "corpus=mine")
    assert (read["corpus.name"], read["corpus.path"]) == ("mine", "a.txt")
    (tmp_path / "corpus" / "mine.yaml").write_text("name: mine\nmin_cuont: 3\n")
    with pytest.raises(InputError, match=r"no configuration key 'corpus.min_cuont'; did you mean"):
        settings("--config-dir", str(tmp_path), "corpus=mine")
    (tmp_path / "corpus" / "mine.yaml").write_text("name: [mine\n")
    with pytest.raises(InputError, match=r"mine\.yaml:2: not valid YAML: expected"):
        settings("--config-dir", str(tmp_path), "corpus=mine")


def test_a_job_has_its_commands_name_where_the_configuration_gives_none(tmp_path: Path) -> None:
    shutil.copytree(CONF, tmp_path / "conf")
    own = tmp_path / "conf" / "compare.yaml"
    settings = yaml.safe_load(own.read_text())
    del settings["hydra"]["job"]["name"]
    own.write_text(yaml.safe_dump(settings))
    line = parse_command_line(["--config-path", str(tmp_path / "conf")], "compare")
    (config,) = compose_all(line, "compare", [])
    assert config.hydra.job.name == "compare"


def test_a_wheel_holds_the_configuration_inside_the_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "site-packages" / "nw2v"
    shutil.copytree(CONF, package / "conf")
    (tmp_path / "site-packages" / "conf").mkdir()
    monkeypatch.setattr("nw2v.__file__", str(package / "__init__.py"))
    assert config_folder() == package / "conf"
    assert settings("experiment=quick")["model.dim"] == 50
    shutil.rmtree(package)
    with pytest.raises(InputError, match="install nw2v again"):
        config_folder()


def test_a_path_may_begin_with_the_home_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "somewhere")
    monkeypatch.setenv("USERPROFILE", "somewhere")
    read = settings("corpus=file", "corpus.path='~/text.txt'")
    assert Path(read["corpus.path"]) == Path("somewhere/text.txt")
