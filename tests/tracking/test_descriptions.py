import pytest

from nw2v.tracking.descriptions import (
    DESCRIPTION_TAG,
    EXPERIMENT_TAGS,
    run_description,
    run_name,
)
from nw2v.tracking.store import open_client, open_store
from nw2v.training.callbacks import Report

from .conftest import training_start


@pytest.mark.parametrize(
    ("overrides", "name"),
    [
        ([], None),
        (["model.window=2", "trainer.threads=1"], "window=2"),
        (["loss=naive_softmax", "+trainer.epochs=3"], "loss=naive_softmax epochs=3"),
        (["corpus=file", "corpus.path=texts/my text.txt"], "corpus=file"),
        (["tracking.uri=runs.db", "tracking=mlflow", "sweep.metric=valid/loss"], None),
        (["hydra.run.dir=x", "hydra/launcher=joblib", "evaluation.analogies=[a]"], None),
        (["~model.dim"], None),
    ],
)
def test_a_name_tells_what_was_set(overrides, name):
    assert run_name(overrides) == name


def test_a_long_name_is_cut():
    name = run_name([f"model.dim={'1' * 200}"])
    assert name is not None and len(name) == 80 and name.startswith("dim=111") and name[-1] == "…"


def test_a_description_has_the_summary_and_the_command():
    assert run_description("nw2v train") == "```\n$ nw2v train\n```"
    assert run_description("nw2v train", "loss  2.5\nfolder  x\n") == (
        "```\nloss  2.5\nfolder  x\n```\n\n```\n$ nw2v train\n```"
    )


def test_a_run_is_named_and_described(new_callback):
    with new_callback(default_name="window=2", tags={DESCRIPTION_TAG: "at first"}) as callback:
        callback.started(training_start())
        client, run_id = callback.store.client, callback.run_id
        assert client.get_run(run_id).data.tags[DESCRIPTION_TAG] == "at first"
        callback.finished(Report(10, 1, {"train/loss": 1.0}, 1.0))
        callback.describe("in the end")
    run = client.get_run(run_id)
    assert run.data.tags[DESCRIPTION_TAG] == "in the end"
    assert run.info.run_name == callback.run_name == "window=2"
    with new_callback(run_name="given", default_name="window=2") as callback:
        callback.started(training_start())
        assert callback.run_name == "given"
        callback.finished(Report(10, 1, {}, 1.0))


def test_a_new_experiment_says_what_its_numbers_mean(store_uri, experiment):
    identifier = open_store(store_uri, experiment).experiment_id
    client = open_client(store_uri)
    assert EXPERIMENT_TAGS.items() <= client.get_experiment(identifier).tags.items()
    client.set_experiment_tag(identifier, DESCRIPTION_TAG, "mine")
    open_store(store_uri, experiment)
    assert client.get_experiment(identifier).tags[DESCRIPTION_TAG] == "mine"
