"""The rules of the house that a reader of `ls` relies on."""

from __future__ import annotations

import ast
import io
import json
import keyword
import os
import re
import shutil
import subprocess
import sys
import time
import tokenize
import tomllib
from pathlib import Path

import pytest
from conftest import REPO, run

TRACKED = [
    REPO / name
    for name in subprocess.check_output(
        ["git", "-C", str(REPO), "ls-files", "-co", "--exclude-standard"], text=True
    ).splitlines()
]
# Names of pytorchyolo's own list that this repository has in other versions, or not at all.
LEFT_OF_PYTORCHYOLO = {
    *("imgaug", "matplotlib", "numpy", "pillow", "terminaltables", "torch", "torchsummary", "urllib3"),
}
PACKAGES = {
    "contract": "pose_contract",
    "stagekit": "stage_kit",
    "yolo-stage": "yolo_stage",
    "yolo-torch": "yolo_torch",
    "hrn-stage": "hrn_stage",
    "openpose-stage": "openpose_stage",
    "motion-stage": "motion_stage",
    "cluster": "pose_cluster",
    "web-app": "web_app",
}
# The floors of the house: what stands below a package. No stage stands on another; yolo-torch plugs into yolo-stage.
BELOW: dict[str, set[str]] = {
    "contract": set(),
    "stagekit": {"pose_contract"},
    "yolo-stage": {"pose_contract", "stage_kit"},
    "yolo-torch": {"pose_contract", "stage_kit", "yolo_stage"},
    "hrn-stage": {"pose_contract", "stage_kit"},
    "openpose-stage": {"pose_contract", "stage_kit"},
    "motion-stage": {"pose_contract", "stage_kit"},
    "cluster": {"pose_contract", "stage_kit"},
    # It corrects by the stages' commands, and watches by what they export.
    "web-app": {"pose_contract", "stage_kit", "yolo_stage", "hrn_stage", "openpose_stage", "motion_stage"},
}


def imported_by(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    modules: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            modules |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            modules.add(node.module)
    return {module.split(".")[0] for module in modules}


@pytest.mark.parametrize("folder", PACKAGES)
def test_a_package_imports_only_what_stands_below_it(folder: str) -> None:
    above = set(PACKAGES.values()) - BELOW[folder] - {PACKAGES[folder]}
    sources = [path for path in TRACKED if path.suffix == ".py" and path.is_relative_to(REPO / folder)]
    assert sources
    for path in sources:
        assert not imported_by(path) & above, path


def test_only_yolo_torch_imports_what_is_gpl_and_is_gpl_itself() -> None:
    for path in TRACKED:
        if path.suffix == ".py" and not path.is_relative_to(REPO / "yolo-torch"):
            assert not imported_by(path) & {"pytorchyolo", "yolo_torch"}, path
    for folder in PACKAGES:
        project = tomllib.loads((REPO / folder / "pyproject.toml").read_text())["project"]
        gpl = folder == "yolo-torch"
        assert project["license"] == ("GPL-3.0-only" if gpl else "Apache-2.0"), folder
        assert project["license-files"] == ["LICENSE"], folder
        title = "GNU GENERAL PUBLIC LICENSE" if gpl else "Apache License"
        assert title in (REPO / folder / "LICENSE").read_text(), folder
    assert "Apache License" in (REPO / "LICENSE").read_text()


@pytest.mark.parametrize("folder", PACKAGES)
def test_every_package_runs_on_the_same_pythons(folder: str) -> None:
    root = tomllib.loads((REPO / "pyproject.toml").read_text())["project"]["requires-python"]
    assert tomllib.loads((REPO / folder / "pyproject.toml").read_text())["project"]["requires-python"] == root
    assert f"PYTHON_RANGE := {root}\n" in (REPO / "Makefile").read_text()


def exports_of(package: Path) -> set[str]:
    """The names in `__all__` of a package."""
    for node in ast.parse((package / "__init__.py").read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return set(ast.literal_eval(node.value))
    return set()


def test_who_imports_a_stage_from_outside_takes_only_what_it_exports() -> None:
    """Tests that cross the stages, and the examples of the documentation, are the public API's first users."""
    exports = {
        package: exports_of(REPO / folder / "src" / package)
        for folder, package in PACKAGES.items()
        if folder.endswith("-stage")
    }
    assert all(exports.values())
    outside = [*(REPO / "tests").rglob("*.py"), *(REPO / "web-app").rglob("*.py")]
    sources = {str(path): path.read_text(encoding="utf-8") for path in outside}
    for page in (REPO / "docs").glob("*.md"):
        blocks = re.findall(r"^```python\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
        sources[str(page)] = "\n".join(blocks)
    for page in (REPO / "docs").glob("*.ipynb"):
        cells = json.loads(page.read_text(encoding="utf-8"))["cells"]
        sources[str(page)] = "\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "code")
    for where, text in sources.items():
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Import):
                inside = [
                    alias.name for alias in node.names if alias.name.split(".")[0] in exports and "." in alias.name
                ]
                assert not inside, where
            elif isinstance(node, ast.ImportFrom) and (module := node.module or "").split(".")[0] in exports:
                assert module in exports, f"{where} imports {module}"
                assert {alias.name for alias in node.names} <= exports[module], f"{where} imports from {module}"


SAME_LINES = 6
SAME_PLACES = 5
# Documentation, imports, decorators, fields of records and constants of one text or number say nothing of what is done.
DECLARATION = re.compile(r"text|(from|import|@) .*|name : .*|name = (text|0)")


def shapes_of(source: str) -> list[str]:
    """The logical lines of code with every name, number and text replaced by a mark; without declarations."""
    lines: list[str] = []
    line: list[str] = []
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.NEWLINE:
            lines.append(" ".join(line))
            line = []
        elif token.type == tokenize.NAME:
            line.append(token.string if keyword.iskeyword(token.string) else "name")
        elif token.type in (tokenize.NUMBER, tokenize.STRING):
            line.append("text" if token.type == tokenize.STRING else "0")
        elif token.type == tokenize.OP:
            line.append(token.string)
    return [shape for shape in lines if not DECLARATION.fullmatch(shape)]


def shared_runs(one: list[str], other: list[str]) -> list[list[str]]:
    """Every longest run of six or more lines that both have."""
    found = []
    before: dict[int, int] = {}
    for row, line in enumerate([*one, ""]):
        now = {column: before.get(column - 1, 0) + 1 for column, same in enumerate(other) if same == line}
        ended = [length for column, length in before.items() if length >= SAME_LINES and column + 1 not in now]
        found += [one[row - length : row] for length in ended]
        before = now
    return found


def test_runs_of_lines_are_found_renamed_or_not() -> None:
    assert shared_runs([], []) == [] == shared_runs(["a"] * 5, ["a"] * 5)
    one = shapes_of("import os\n" + "".join(f"a{i} = {'b + ' * i}c(1)\n" for i in range(7)))
    other = shapes_of('"""Text."""\nd = e\n' + "".join(f"x{i} = {'y + ' * i}z(2)\n" for i in range(6)) + "f()\n")
    assert [len(run) for run in shared_runs(one, other)] == [6]


def test_the_stages_share_hardly_a_place_of_six_lines() -> None:
    """What they share in meaning stands in the kit."""
    shapes = [
        {path: shapes_of(path.read_text(encoding="utf-8")) for path in (REPO / folder / "src").rglob("*.py")}
        for folder in ("yolo-stage", "hrn-stage")
    ]
    found = [
        f"{one.name} and {other.name}: {len(run)} lines, from: {run[0]}"
        for one, ours in shapes[0].items()
        for other, theirs in shapes[1].items()
        for run in shared_runs(ours, theirs)
    ]
    assert len(found) <= SAME_PLACES, "\n".join(found)


def test_the_contract_stays_small() -> None:
    """It is data: what runs belongs into the kit."""
    lines = sum(len(path.read_text(encoding="utf-8").splitlines()) for path in (REPO / "contract/src").rglob("*.py"))
    assert 0 < lines <= 900


def test_no_file_names_a_package_registry() -> None:
    hosts = re.compile(
        "|".join(a + b + r"\.(org|net|com)" for a, b in (("python", "hosted"), ("py", "pi"), ("npm", "js")))
    )
    for path in TRACKED:
        if path.is_file() and path.suffix in {".py", ".md", ".toml", ".lock", ".yaml", ".txt", ".sh", ""}:
            assert not hosts.search(path.read_text(encoding="utf-8", errors="replace")), path


@pytest.mark.parametrize("lock", sorted(path for path in TRACKED if path.suffix == ".lock"), ids=lambda path: path.name)
def test_locks_pin_every_version_and_the_hashes_of_its_files(lock: Path) -> None:
    for line in lock.read_text().splitlines():
        assert re.fullmatch(r"[A-Za-z0-9_.-]+==[^ ;]+( ; [^-]+)?( --hash=sha256:[0-9a-f]{64})+", line), line[:200]


def test_no_module_hides_behind_a_name_that_says_nothing() -> None:
    for path in TRACKED:
        assert path.stem not in {"utils", "helpers", "core", "misc", "manager", "common"}, path


def test_the_template_holds_the_seeds_values_but_debug(shared: Path) -> None:
    import yaml

    name = "w32_256x256_adam_lr1e-3.yaml"
    seed, ours = (
        yaml.safe_load((folder / name).read_text()) for folder in (shared / "seed", REPO / "workspace-template")
    )
    assert seed["DEBUG"].pop("DEBUG") is True and ours["DEBUG"].pop("DEBUG") is False
    assert ours == seed


def test_versions_agree() -> None:
    for folder, package in PACKAGES.items():
        version = tomllib.loads((REPO / folder / "pyproject.toml").read_text())["project"]["version"]
        if package.endswith(("_stage", "_app")):
            assert f'__version__ = "{version}"' in (REPO / folder / "src" / package / "__init__.py").read_text()


def test_make_alone_prints_the_targets() -> None:
    printed = run(["make", "--no-print-directory", "-C", str(REPO)]).stdout
    targets = re.findall(r"^  make ([a-z-]+) +\S", printed, re.MULTILINE)
    users, developers = ["setup", "demo", "workspace", "yolo", "hrn", "run", "status"], ["test", "check", "lock"]
    assert [target for target in targets if target in {*users, *developers}] == users + developers


def test_what_is_installed_fits_together_but_for_what_pytorchyolo_and_nncf_pin() -> None:
    uv = shutil.which("uv") or str(REPO / ".uv/bin/uv")
    printed = run([uv, "pip", "check", "--python", str(REPO / ".venv")]).stderr
    complaints = re.findall(r"The package `([\w-]+)` requires `([\w-]+)", printed)
    allowed = {("pytorchyolo", package) for package in LEFT_OF_PYTORCHYOLO} | {("nncf", "networkx")}
    allowed |= {(package, "opencv-python") for package in ("trackers", "supervision")}  # the headless one is there
    assert "Checked" in printed and set(complaints) <= allowed


def test_the_base_is_light() -> None:
    """What `make setup` installs on a machine without a GPU: no PyTorch, no tools of developers."""
    heavy = {"ray", "torch", "torchvision", "pytorchyolo", "imgaug", "nncf", "pytest", "ruff", "mypy", "fastapi"}
    assert not heavy & versions("requirements.lock").keys()
    assert not {"torch", "pytest"} & versions("requirements-int8.lock").keys()
    assert not {"torch", "pytest", "playwright"} & versions("requirements-app.lock").keys()
    assert not {"pytest", "ruff", "mypy", "imgaug"} & versions("requirements-torch.lock").keys()


def test_any_of_the_locks_fit_into_one_environment() -> None:
    locked: dict[str, set[str]] = {}
    for lock in REPO.glob("requirements*.lock"):
        for name, version in versions(lock.name).items():
            locked[name] = locked.setdefault(name, version) & version
    assert len(locked) > 100 and not [name for name, common in locked.items() if not common]


def versions(lock: str) -> dict[str, set[str]]:
    """Per package what a lock pins; more than one version where it depends on Python's."""
    pinned: dict[str, set[str]] = {}
    for line in (REPO / lock).read_text().splitlines():
        name, version = re.split(" ;| --", line)[0].split("==")
        pinned.setdefault(name, set()).add(version)
    return pinned


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """What make looks at, as it is just after `make setup TORCH=1` and `make test`."""
    for path in (REPO / "Makefile", *REPO.glob("requirements*.lock"), *REPO.glob("*/pyproject.toml")):
        copy = tmp_path / path.relative_to(REPO)
        copy.parent.mkdir(exist_ok=True)
        shutil.copy(path, copy)
    (tmp_path / ".venv").mkdir()
    for stamp in (".python", ".base", ".torch", ".dev", ".ours", ".ours-torch"):
        (tmp_path / ".venv" / stamp).touch()
    return tmp_path


@pytest.mark.parametrize(
    ("changed", "again"),
    [
        (None, []),
        ("contract/pyproject.toml", ["-e contract"]),
        ("yolo-torch/pyproject.toml", ["-e yolo-torch"]),
        ("requirements-torch.lock", ["-r requirements-torch.lock", "-e yolo-torch"]),
        ("requirements.lock", ["-r requirements.lock", "-r requirements-torch.lock", "-e contract", "-e yolo-torch"]),
    ],
)
def test_a_lock_decides_what_is_installed_again(installed: Path, changed: str | None, again: list[str]) -> None:
    """And a pyproject.toml has our own package registered again, no more; sources are editable."""
    if changed:
        os.utime(installed / changed, (time.time() + 60,) * 2)
    finished = run(["make", "--dry-run", "-C", str(installed), "setup", "UV=/bin/true"])
    assert finished.returncode == 0, finished.stderr
    printed = finished.stdout
    commands = [line for line in printed.splitlines() if "pip install" in line]
    assert len(commands) == len(again), printed
    assert all(any(what in command for command in commands) for what in again), printed


@pytest.mark.parametrize("folder", ["stagekit", "yolo-stage", "hrn-stage", "openpose-stage", "tests"])
def test_the_tests_are_collected_without_pytorch_too(folder: str) -> None:
    """So that `make test` runs where `make setup` left PyTorch out: what needs it skips, by pytest.importorskip."""
    absent = ("torch", "torchvision", "pytorchyolo", "yolo_torch", "tensorboard", "nncf")
    # Not by a None in sys.modules: scipy looks there whether it deals with torch's arrays.
    script = (
        "import sys, pytest\n"
        "from importlib.machinery import PathFinder\n"
        "class Without(PathFinder):\n"
        "    @classmethod\n"
        "    def find_spec(cls, name, *more):\n"
        f"        return None if name.split('.')[0] in {absent} else super().find_spec(name, *more)\n"
        "sys.meta_path = [Without if finder is PathFinder else finder for finder in sys.meta_path]\n"
        "sys.exit(pytest.main(['--collect-only', '-p', 'no:cacheprovider']))"
    )
    finished = run([sys.executable, "-c", script], cwd=REPO / folder)
    assert finished.returncode == 0, finished.stdout[-3000:]


def test_a_workspace_that_is_misspelt_is_not_made(tmp_path: Path) -> None:
    misspelt = tmp_path / "pose-estimatoin"
    make = ["make", "--no-print-directory", "-C", str(REPO), f"WORKSPACE={misspelt}"]
    for target in ("yolo", "hrn", "run", "up"):
        finished = run([*make, target])
        assert finished.returncode == 2 and f"make workspace WORKSPACE='{misspelt}'" in finished.stderr
        assert not misspelt.exists()
    assert run([*make, "workspace"]).returncode == 0 and (misspelt / "images").is_dir()


def test_a_workspace_gets_what_it_lacks_and_keeps_what_it_has(tmp_path: Path) -> None:
    workspace = tmp_path / "it's mine"
    (workspace / "images").mkdir(parents=True)
    (workspace / "w32_256x256_adam_lr1e-3.yaml").write_text("mine")
    assert run([str(REPO / "tools/workspace"), str(workspace)]).returncode == 0
    assert (workspace / "w32_256x256_adam_lr1e-3.yaml").read_text() == "mine"
    template = {path.relative_to(REPO / "workspace-template") for path in (REPO / "workspace-template").rglob("*")}
    assert {path.relative_to(workspace) for path in workspace.rglob("*")} == template
