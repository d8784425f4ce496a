"""Single containers: the original's command lines, other users, and kills."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from containers import EMBEDDED, REPO, Containers, Models, ended, give, owners

from stage_kit.testing import workspace_bytes

USER = 4321
YAML = "w32_256x256_adam_lr1e-3.yaml"
FOLDERS = {"image": "images", "annot": "annots", "inspect": "inspect", "cut": "cuts"}
YOLO = [
    *(part for flag, folder in FOLDERS.items() for part in (f"--{flag}_folder", f"custom/{folder}")),
    *("--batch_size", "8", "--n_cpu", "8"),
]
HRN = f"--circle 0 --label 0 --line 1 --line_thickness 2 --cfg custom/{YAML}".split()
Photos = Callable[[int], Path]


def prepared(workspace: Path, models: Models) -> Path:
    """Without embedded weights the original's command lines need some in the workspace, as the original did."""
    if not EMBEDDED:
        shutil.copy(models.weights / "hrnet_lite_mpii16_128x128.yaml", workspace / YAML)
        shutil.copy(models.weights / "hrnet_lite_mpii16_128x128.pth", workspace)
    return workspace


def yolo_flags(models: Models) -> list[str]:
    return YOLO if EMBEDDED else [*YOLO, *models.yolo]


def test_the_originals_command_lines_as_root_write_as_the_workspaces_owner(
    containers: Containers, models: Models, photos: Photos
) -> None:
    workspace = give(prepared(photos(3), models), USER)
    for stage, flags in (("yolo", yolo_flags(models)), ("hrn", HRN)):
        finished = containers.run(stage, flags, workspace, tty=True, stdin_open=True, shm_size="5g")
        assert finished.code == 0, finished.output
    assert owners(workspace) == {(USER, USER)}
    assert len(list((workspace / "final").glob("*.jpg"))) == 3


def test_another_user_a_read_only_root_and_no_network_are_enough(
    containers: Containers, models: Models, photos: Photos
) -> None:
    workspace = give(prepared(photos(1), models), USER)
    closed = {"user": f"{USER}:{USER}", "read_only": True, "network_mode": "none", "cap_drop": ["ALL"]}
    for stage, flags in (("yolo", yolo_flags(models)), ("hrn", HRN)):
        finished = containers.run(stage, flags, workspace, tmpfs={"/tmp": ""}, **closed)
        assert finished.code == 0, finished.output
    assert owners(workspace) == {(USER, USER)}
    assert len(list((workspace / "final").glob("*.jpg"))) == 1


@pytest.mark.parametrize("stage", ["yolo", "hrn"])
def test_without_a_mount_it_says_how_to_mount(containers: Containers, stage: str) -> None:
    finished = containers.run(stage, ("--quiet",))
    assert finished.code == 2
    assert f'docker run -v "$(pwd)/pose-estimation:/{stage}/custom"' in finished.output


def test_exit_codes_come_through(containers: Containers, models: Models, photos: Photos) -> None:
    workspace = photos(1)
    (workspace / "images/empty.jpg").write_bytes(b"")
    assert containers.run("yolo", models.yolo, workspace).code == 3
    assert containers.run("yolo", (*models.yolo, "--keep_going"), workspace).code == 0
    assert containers.run("yolo", ("--weights_path", "weights/none.weights"), workspace).code == 4
    assert containers.run("yolo", models.yolo, give(workspace, USER), user="99:99").code == 5
    assert containers.run("yolo", ("--conf_thres", "7"), workspace).code == 2


def test_after_docker_kill_it_goes_on_and_ends_as_if_undisturbed(
    containers: Containers, models: Models, local: Path, tmp_path: Path
) -> None:
    workspace = tmp_path / "workspace"
    shutil.copytree(REPO / "workspace-template", workspace)
    shutil.copytree(local / "images", workspace / "images", dirs_exist_ok=True)
    photos = len(list((local / "images").glob("*.jpg")))
    container = containers.start("yolo", (*models.yolo, "--n_cpu", "1"), workspace)
    deadline = time.monotonic() + 60
    while len(list((workspace / "annots").glob("*.json"))) < 2 and time.monotonic() < deadline:
        time.sleep(0.005)
    container.kill()
    assert ended(container).code == 137
    done = len(list((workspace / "annots").glob("*.json")))
    assert 2 <= done < photos
    finished = containers.run("yolo", models.yolo, workspace)
    assert finished.code == 0 and f"{photos - done} processed" in finished.output, finished.output
    made = ("annots/", "cuts/", "inspect/")
    undisturbed, resumed = (
        {file: data for file, data in workspace_bytes(root).items() if str(file).startswith(made)}
        for root in (local, workspace)
    )
    assert resumed == undisturbed


def test_docker_stop_leaves_a_clean_state_and_one_line(
    containers: Containers, models: Models, local: Path, tmp_path: Path
) -> None:
    workspace = tmp_path / "workspace"
    shutil.copytree(REPO / "workspace-template", workspace)
    shutil.copytree(local / "images", workspace / "images", dirs_exist_ok=True)
    container = containers.start("yolo", (*models.yolo, "--n_cpu", "1"), workspace)
    deadline = time.monotonic() + 60
    while not list((workspace / "annots").glob("*.json")) and time.monotonic() < deadline:
        time.sleep(0.005)
    container.stop(timeout=60)
    finished = ended(container)
    assert finished.code == 143 and "yolo-stage: terminated" in finished.output, finished.output
    assert not list(workspace.rglob(".tmp-*"))
