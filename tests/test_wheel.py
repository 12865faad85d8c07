"""The built wheel, installed where there is no checkout, trains from any directory."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

REPOSITORY = Path(__file__).resolve().parents[1]
# Some questions of the analogy set in the wheel can be answered from these.
WORDS = ["king", "queen", "man", "woman", "good", "better", "bad", "worse", "large", "larger"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("build", reason="needs the extra dev")
    pytest.importorskip("hatchling", reason="needs the extra dev")
    folder = tmp_path_factory.mktemp("dist")
    build = ["-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(REPOSITORY)]
    run(sys.executable, *build, cwd=folder)
    (path,) = folder.glob("nw2v-*-py3-none-any.whl")
    return path


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> SimpleNamespace:
    """An environment with the wheel in it and, beside it, what this one has: python and nw2v."""
    pytest.importorskip("pip", reason="needs pip to install the wheel")
    folder = tmp_path_factory.mktemp("an environment")
    builder = venv.EnvBuilder(with_pip=False, symlinks=os.name != "nt")
    paths = builder.ensure_directories(folder)
    builder.create(folder)
    python = paths.env_exe
    pip = ["-m", "pip", "--python", python, "install", "--quiet", "--no-index", "--no-deps"]
    run(sys.executable, *pip, str(wheel), cwd=folder)
    # Only now, for pip must not see this environment's nw2v. A path that a .pth file adds comes
    # after the environment's own packages, and its .pth files, such as that of an editable
    # install, are not read.
    places = {sysconfig.get_path(key) for key in ("purelib", "platlib")}
    own = run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=folder)
    (Path(own.strip()) / "packages.pth").write_text("\n".join(sorted(places)) + "\n")
    return SimpleNamespace(python=python, nw2v=str(Path(paths.bin_path) / "nw2v"), folder=folder)


def run(*command: str, cwd: Path) -> str:
    hidden = {"PYTHONPATH", "PYTHONHOME", "NUMBA_DISABLE_JIT", "HYDRA_FULL_ERROR"}
    environment = {key: value for key, value in os.environ.items() if key not in hidden}
    environment["NW2V_CACHE"] = str(cwd / "cache")
    done = subprocess.run(
        command, cwd=cwd, env=environment, capture_output=True, text=True, check=False, timeout=600
    )
    assert done.returncode == 0, f"{command} failed:\n{done.stdout}\n{done.stderr}"
    return done.stdout


def test_the_wheel_holds_all_that_the_checkout_has(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    beside_code = {".py", ".yaml", ".tsv", ".typed"}
    packages = ("nw2v", "nw2v"), ("conf", "nw2v/conf"), ("hydra_plugins", "hydra_plugins")
    for folder, inside in ((REPOSITORY / name, inside) for name, inside in packages):
        for path in folder.rglob("*"):
            if path.suffix in beside_code:
                assert f"{inside}/{path.relative_to(folder).as_posix()}" in names
    assert "nw2v/conf/train.yaml" in names
    # A namespace that other packages share.
    assert "hydra_plugins/nw2v_sweepers.py" in names
    assert "hydra_plugins/__init__.py" not in names
    assert any(name.startswith("nw2v/evaluation/data/relations/") for name in names)
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)
    assert not [name for name in names if name.split("/")[0] in {"tests", "conf", "benchmarks"}]


def test_the_installed_package_is_not_the_checkout(
    installed: SimpleNamespace, tmp_path: Path
) -> None:
    where = run(installed.python, "-c", "import nw2v; print(nw2v.__file__)", cwd=tmp_path)
    assert Path(where.strip()).resolve().is_relative_to(installed.folder.resolve())


def test_it_trains_and_answers_from_another_directory(
    installed: SimpleNamespace, tmp_path: Path
) -> None:
    rng = np.random.default_rng(4)
    lines = (" ".join(rng.choice(WORDS, size=12)) for _ in range(300))
    (tmp_path / "text.txt").write_text("\n".join(lines) + "\n")

    settings = [
        *("corpus=file", "corpus.path=text.txt", "model.dim=8", "trainer.epochs=1"),
        *("tracking=none", "hydra.run.dir=run"),
    ]
    run(installed.nw2v, "train", *settings, cwd=tmp_path)
    left = {path.name for path in (tmp_path / "run").iterdir()}
    assert {"model.safetensors", "vocabulary.tsv", "metrics.json", ".hydra"} <= left
    assert {path.name for path in tmp_path.iterdir()} == {"text.txt", "run", "cache"}

    answer = run(installed.nw2v, "neighbors", "run", "king", "--top", "3", cwd=tmp_path)
    assert sum(word in answer.split() for word in WORDS) >= 3
