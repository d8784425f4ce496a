"""The rules of the house that a reader of `ls` relies on."""

from __future__ import annotations

import ast
import json
import re
import shutil
import subprocess
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
PACKAGES = {"contract": "pose_contract", "yolo-stage": "yolo_stage", "hrn-stage": "hrn_stage"}


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
def test_a_stage_imports_the_contract_and_no_other_stage(folder: str) -> None:
    others = set(PACKAGES.values()) - {PACKAGES[folder], "pose_contract"}
    sources = [path for path in TRACKED if path.suffix == ".py" and path.is_relative_to(REPO / folder)]
    assert sources
    for path in sources:
        assert not imported_by(path) & others, path


def test_only_yolo_stage_imports_what_is_gpl() -> None:
    for path in TRACKED:
        if path.suffix == ".py" and not path.is_relative_to(REPO / "yolo-stage"):
            assert "pytorchyolo" not in imported_by(path), path
    assert "GNU GENERAL PUBLIC LICENSE" in (REPO / "yolo-stage/LICENSE").read_text()
    assert "Apache License" in (REPO / "LICENSE").read_text()


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
        if package != "pose_contract"
    }
    assert all(exports.values())
    sources = {str(path): path.read_text(encoding="utf-8") for path in (REPO / "tests").rglob("*.py")}
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


def test_no_file_names_a_package_registry() -> None:
    hosts = re.compile(
        "|".join(a + b + r"\.(org|net|com)" for a, b in (("python", "hosted"), ("py", "pi"), ("npm", "js")))
    )
    for path in TRACKED:
        if path.is_file() and path.suffix in {".py", ".md", ".toml", ".lock", ".yaml", ".txt", ".sh", ""}:
            assert not hosts.search(path.read_text(encoding="utf-8", errors="replace")), path


@pytest.mark.parametrize("lock", sorted(path for path in TRACKED if path.suffix == ".lock"), ids=lambda path: path.name)
def test_locks_pin_every_version(lock: Path) -> None:
    for line in lock.read_text().splitlines():
        assert re.match(r"^[A-Za-z0-9_.-]+==[^ ;]+( ; .+)?$", line), line


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
        if package != "pose_contract":
            assert f'__version__ = "{version}"' in (REPO / folder / "src" / package / "__init__.py").read_text()


def test_make_alone_prints_the_targets() -> None:
    printed = run(["make", "--no-print-directory", "-C", str(REPO)]).stdout
    for target in ("setup", "yolo", "hrn", "run", "status", "weights", "test", "check"):
        assert re.search(rf"^  make {target} +\S", printed, re.MULTILINE), target


@pytest.mark.parametrize(("stage", "misfits"), [("yolo-stage", {"pillow", "torch", "urllib3"}), ("hrn-stage", set())])
def test_what_is_installed_fits_together_but_for_what_pytorchyolo_pins(stage: str, misfits: set[str]) -> None:
    uv = shutil.which("uv") or str(REPO / ".uv/bin/uv")
    printed = run([uv, "pip", "check", "--python", str(REPO / stage / ".venv")]).stderr
    complaints = re.findall(r"The package `([\w-]+)` requires `([\w-]+)", printed)
    assert "Checked" in printed and set(complaints) == {("pytorchyolo", package) for package in misfits}
