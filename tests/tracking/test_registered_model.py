import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import numpy as np
import pytest

import nw2v
from nw2v.corpus.vocabulary import Vocabulary
from nw2v.errors import InputError
from nw2v.tracking import registered_model
from nw2v.tracking.mlflow_callback import MlflowCallback
from nw2v.tracking.registered_model import register
from nw2v.tracking.store import open_store
from nw2v.training.callbacks import Report
from nw2v.vectors import WordVectors, save_model

from .conftest import training_start

WORDS = ("king", "queen", "man", "woman", "apple", "pear", "tree", "green")
METRICS = {"train/seconds": 1.25, "train/loss": 2.5, "analogy/accuracy": 0.5}
CONFIGURATION = {"model": {"dim": 5}, "evaluation": {"vectors": "center"}}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The output folder of a run."""
    generator = np.random.default_rng(5)
    centers, outsides = generator.normal(size=(2, len(WORDS), 5)).astype(np.float32)
    folder = tmp_path_factory.mktemp("outputs")
    save_model(folder, centers, outsides, Vocabulary(WORDS, np.arange(8, 0, -1)))
    (folder / "metrics.json").write_text(json.dumps(METRICS))
    return folder


def logged_run(folder, uri, **options):
    with MlflowCallback(uri=uri, configuration=CONFIGURATION, **options) as callback:
        callback.started(training_start())
        callback.step(Report(1, 0, {"train/loss": 3.5}))
        callback.finished(Report(7, 1, METRICS))
        callback.log_outputs(folder)
    return callback.run_id


@pytest.fixture(scope="module")
def run_id(folder, store_uri):
    return logged_run(folder, store_uri, experiment="registered models")


@pytest.fixture(scope="module")
def done(run_id, store_uri):
    return register(run_id, name="royalty", uri=store_uri)


@pytest.fixture(scope="module")
def model_folder(done, store_uri):
    """Where the store keeps the model's files."""
    client = open_store(store_uri).client
    location = client.get_logged_model(done.model_uri.removeprefix("models:/")).artifact_location
    return Path(location.removeprefix("file://"))


@pytest.fixture(scope="module")
def model(done, store_uri):
    """The model as MLflow loads it where pickles are refused."""
    pyfunc = registered_model._import_pyfunc()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", store_uri)
        patch.setenv("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "false")
        return pyfunc.load_model(f"models:/{done.name}/{done.version}")


def ask(model, *questions, **params):
    import pandas as pd

    frame = pd.DataFrame(questions, columns=["query", "words"])
    return model.predict(frame, params=params or None).to_dict("records")


def test_every_kind_of_question(model, folder):
    vectors = WordVectors.load(folder)
    answers = ask(
        model,
        ("most_similar", ["king"]),
        ("most_similar", ["king", "woman"]),
        ("analogy", ["man", "king", "woman"]),
        ("similarity", ["king", "queen"]),
        ("vector", ["king"]),
        top=3,
    )
    rankings = [
        vectors.most_similar("king", top=3),
        vectors.most_similar(["king", "woman"], top=3),
        vectors.analogy("man", "king", "woman", top=3),
        [("queen", vectors.similarity("king", "queen"))],
        [],
    ]
    for answer, ranking in zip(answers, rankings, strict=True):
        assert list(zip(answer["answers"], answer["scores"], strict=True)) == ranking
        assert answer["error"] is None
    assert [answer["vector"] for answer in answers] == [None] * 4 + [vectors["king"].tolist()]


def test_the_parameters(model, folder):
    vectors = WordVectors.load(folder)
    (answer,) = ask(model, ("analogy", ["man", "king", "woman"]), method="3cosmul")
    expected = vectors.analogy("man", "king", "woman", method="3cosmul")
    assert list(zip(answer["answers"], answer["scores"], strict=True)) == expected
    (answer,) = ask(model, ("most_similar", ["king"]))
    assert len(answer["answers"]) == len(WORDS) - 1  # as many as there are, of ten


@pytest.mark.parametrize(
    ("question", "params", "error"),
    [
        (("most_similar", ["quen"]), {}, "unknown word 'quen': .* did you mean 'queen'"),
        (("vector", ["xyz"]), {}, "unknown word 'xyz': it is not among the 8 words$"),
        (("most_similar", []), {}, "most_similar needs at least one word"),
        (("analogy", ["man", "king"]), {}, "analogy needs 3 in words; 2 given"),
        (("nearest", ["king"]), {}, "query is 'nearest'; expected most_similar, analogy, "),
        ((None, ["king"]), {}, "query is '(None|nan)'; expected"),
        (("most_similar", ["king"]), {"top": 0}, "top is 0; expected a whole number"),
        (("analogy", ["man", "king", "woman"]), {"method": "4"}, "method is '4'; expected 3cosadd"),
    ],
)
def test_a_question_without_an_answer_leaves_the_others_theirs(model, question, params, error):
    wrong, right = ask(model, question, ("similarity", ["man", "woman"]), **params)
    assert (wrong["answers"], wrong["scores"], wrong["vector"]) == ([], [], None)
    assert re.match(error, wrong["error"])
    assert right["error"] is None and len(right["scores"]) == 1


def test_many_unknown_words_are_answered_without_looking_for_near_ones(model):
    answers = ask(model, *[("vector", ["quen"])] * 25)
    suggested = ["did you mean" in answer["error"] for answer in answers]
    assert suggested == [True] * 20 + [False] * 5
    assert answers[-1]["error"] == "unknown word 'quen': it is not among the 8 words"


def test_what_the_store_knows_of_the_model(done, run_id, store_uri):
    client = open_store(store_uri).client
    logged = client.get_logged_model(done.model_uri.removeprefix("models:/"))
    assert (logged.status, logged.name, logged.source_run_id) == ("READY", "word-vectors", run_id)
    assert logged.tags["nw2v.vectors"] == "center"
    assert logged.params["model.dim"] == "5"
    metrics = {metric.key: (metric.value, metric.step) for metric in logged.metrics}
    assert metrics == {key: (value, 7) for key, value in METRICS.items()}
    run = client.get_run(run_id)
    assert [(model.model_id, model.step) for model in run.outputs.model_outputs] == [
        (logged.model_id, 7)
    ]
    assert run.data.metrics == METRICS and run.info.status == "FINISHED"
    version = client.get_model_version("royalty", done.version)
    assert (version.source, version.run_id) == (logged.artifact_location, run_id)
    versions = json.loads(logged.tags["mlflow.modelVersions"])
    assert versions == [{"name": "royalty", "version": int(done.version)}]


def test_nothing_is_pickled(model, model_folder):
    files = [path for path in model_folder.rglob("*") if path.is_file()]
    files = [path for path in files if path.parent.name != "__pycache__"]  # of who loaded the model
    assert {path.suffix or path.name for path in files} == {
        *(".py", ".safetensors", ".json", ".txt", ".yaml", "MLmodel"),
        "registered_model_meta",  # MLflow's, from when it was loaded by its registered name
    }
    for path in files:
        if path.suffix != ".safetensors":
            path.read_text(encoding="utf-8")
    settings = (model_folder / "MLmodel").read_text()
    assert "model_code_path: " in settings and "python_model: " not in settings
    requirements = (model_folder / "requirements.txt").read_text().split()
    assert [line.partition("==")[0] for line in requirements] == [
        *("mlflow", "numpy", "pandas", "safetensors")
    ]


def test_other_vectors_and_a_second_version(folder, run_id, done, store_uri, tmp_path, monkeypatch):
    # MLflow would take these for the model's own.
    (tmp_path / "uv.lock").write_text("version = 1")
    (tmp_path / "pyproject.toml").write_text("[project]")
    second = register(run_id, name="royalty", vectors="sum", uri=store_uri)
    assert second.version == "2" and second.model_uri != done.model_uri
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store_uri)
    pyfunc = registered_model._import_pyfunc()
    (answer,) = ask(pyfunc.load_model(second.model_uri), ("most_similar", ["king"]))
    expected = WordVectors.load(folder, vectors="sum").most_similar("king")
    assert list(zip(answer["answers"], answer["scores"], strict=True)) == expected
    logged = open_store(store_uri).client.get_logged_model(second.model_uri[len("models:/") :])
    # Analogies were scored on the center vectors.
    assert {metric.key for metric in logged.metrics} == {"train/seconds", "train/loss"}
    assert not list(Path(logged.artifact_location.removeprefix("file://")).glob("*uv*"))


def test_the_programs_own_mlflow_is_left_alone(run_id, store_uri):
    import mlflow

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
        register(run_id, uri=store_uri)
        assert mlflow.get_tracking_uri() == "http://127.0.0.1:9" and mlflow.active_run() is None


@pytest.mark.parametrize("name", ["", " ", "a/b", "a:b"])
def test_a_name_that_cannot_be_one(name, run_id, store_uri):
    with pytest.raises(InputError, match="is blank or has a '/' or ':' in it"):
        register(run_id, name=name, uri=store_uri)


def test_a_store_that_does_not_take_the_model(folder, store_uri, tmp_path):
    """The vectors are those of the output folder: none were logged."""
    (tmp_path / "file").touch()
    client = open_store(store_uri).client
    client.create_experiment("broken", artifact_location=(tmp_path / "file" / "x").as_uri())
    run = client.create_run(
        client.get_experiment_by_name("broken").experiment_id,
        tags={"nw2v.output_folder": str(folder)},
    )
    for key, value in METRICS.items():
        client.log_metric(run.info.run_id, key, value)
    with pytest.raises(InputError, match=r"cannot log the model to the MLflow store .*mlflow\.db"):
        register(run.info.run_id, uri=store_uri)
    (model,) = client.search_logged_models([run.info.experiment_id])
    assert model.status == "FAILED"
    assert not client.get_run(run.info.run_id).outputs.model_outputs


@pytest.mark.parametrize("damage", ["cut short", "huge", "a pickle"])
def test_a_vectors_file_from_a_stranger(model_folder, tmp_path, damage):
    copy = tmp_path / "model"
    shutil.copytree(model_folder, copy)
    file = copy / "artifacts" / "vectors.safetensors"
    content = file.read_bytes()
    if damage == "huge":
        size = 4 * 10**12
        layout = {"vectors": {"dtype": "F32", "shape": [10**9, 1000], "data_offsets": [0, size]}}
        head = json.dumps(layout).encode()
        content = len(head).to_bytes(8, "little") + head
    elif damage == "a pickle":
        content = b"\x80\x04cos\nsystem\n."
    else:
        content = content[:-1]
    file.write_bytes(content)
    with pytest.raises(InputError, match=r"vectors\.safetensors: "):
        registered_model._import_pyfunc().load_model(str(copy))


ALONE = """
import json, sys
from importlib.machinery import PathFinder
paths = list(sys.path)

class Hidden:
    # Finds nw2v in the folders alone that were not in the search path to begin with.
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name != "nw2v":
            return None
        found = PathFinder.find_spec(name, [p for p in sys.path if p not in paths])
        if found is None:
            raise ModuleNotFoundError("hidden", name="nw2v")
        return found

sys.meta_path.insert(0, Hidden)
import mlflow.pyfunc, pandas
before = set(sys.modules)
model = mlflow.pyfunc.load_model(sys.argv[1])
answer = model.predict(pandas.DataFrame({"query": ["most_similar"], "words": [["king"]]}))
library = sys.modules["nw2v"].__file__
print(json.dumps([answer.to_dict("records"), library, sorted(set(sys.modules) - before)]))
"""


def test_the_model_answers_where_nw2v_is_not_installed(model_folder, folder, tmp_path):
    copy = tmp_path / "model"
    shutil.copytree(model_folder, copy)
    ran = subprocess.run(
        [sys.executable, "-c", ALONE, str(copy)],
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    (answer,), library, modules = json.loads(ran.stdout.splitlines()[-1])
    expected = WordVectors.load(folder).most_similar("king")
    assert list(zip(answer["answers"], answer["scores"], strict=True)) == expected
    assert Path(library).is_relative_to(copy)
    others = {name.partition(".")[0] for name in modules} - set(sys.stdlib_module_names)
    assert not others & {"numba", "llvmlite", "hydra", "omegaconf", "scipy", "gensim"}


@pytest.mark.skipif(os.name == "nt", reason="Windows has no process groups to end")
def test_questions_over_http(model_folder, folder):
    """MLflow's own scoring server, as `mlflow models serve` runs it."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    options = ["--env-manager", "local", "--host", "127.0.0.1", "--port", str(port)]
    process = subprocess.Popen(
        [sys.executable, "-m", "mlflow", "models", "serve", "-m", str(model_folder), *options],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        # MLflow calls uvicorn by its name.
        env={
            **os.environ,
            "PYTHONPATH": str(Path(nw2v.__file__).parents[1]),
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        },
        start_new_session=True,
    )
    questions = [
        {"query": "most_similar", "words": ["king"]},
        {"query": "vector", "words": ["kign"]},
        {"query": "vector", "words": ["king"]},
    ]
    body = json.dumps({"dataframe_records": questions, "params": {"top": 2}}).encode()
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/invocations", body, {"Content-Type": "application/json"}
    )
    try:
        deadline = time.monotonic() + 180
        while True:
            try:
                with urllib.request.urlopen(request, timeout=60) as response:
                    similar, unknown, vector = json.load(response)["predictions"]
                break
            except urllib.error.HTTPError:
                raise
            except OSError:
                assert process.poll() is None and time.monotonic() < deadline
                time.sleep(0.2)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    vectors = WordVectors.load(folder)
    ranking = list(zip(similar["answers"], similar["scores"], strict=True))
    assert ranking == vectors.most_similar("king", top=2)
    assert similar["vector"] is None and similar["error"] is None
    assert unknown["answers"] == [] and "did you mean 'king'" in unknown["error"]
    assert vector["vector"] == vectors["king"].tolist()


def test_a_run_on_a_server(folder, ui, capfd):
    server = ui.partition("/#")[0]
    run_id = logged_run(folder, server, vectors="none", experiment="registered on a server")
    capfd.readouterr()
    done = register(str(folder), name="from afar", uri=server)
    assert (done.uri, done.run_id, done.version) == (server, run_id, "1")
    captured = capfd.readouterr()
    assert (captured.out, captured.err) == ("", "")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", server)
        patch.setenv("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
        model = registered_model._import_pyfunc().load_model("models:/from afar/1")
    (answer,) = ask(model, ("similarity", ["king", "queen"]))
    assert answer["scores"] == [WordVectors.load(folder).similarity("king", "queen")]
