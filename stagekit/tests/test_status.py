from __future__ import annotations

import hashlib
import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest
from sample_records import annot, poses
from sample_stages import FIRST, SECOND

from pose_contract.errors import ImageError
from pose_contract.storage import write_bytes, write_record
from pose_contract.workspace import Workspace
from stage_kit.command.found import where_to_look
from stage_kit.command.pose import main
from stage_kit.command.progress import Progress
from stage_kit.command.status import status_table, workspace_status
from stage_kit.pictures.images import encode_jpeg
from stage_kit.runs.found_records import sealed_bytes
from stage_kit.runs.journal import RunLog


@pytest.fixture(autouse=True)
def two_stages(monkeypatch: pytest.MonkeyPatch) -> None:
    # The module that the others import it from comes last, so that none of them takes the stand-in for good.
    for module in ("command.status", "command.found", "stages"):
        monkeypatch.setattr(f"stage_kit.{module}.installed_stages", lambda: (FIRST, SECOND))


def photo(name: str) -> bytes:
    return encode_jpeg(np.full((40, 60, 3), ord(name), np.uint8))


def fill(workspace: Workspace) -> None:
    """Four images: a done with one person, b done without anybody, c failed, d to do."""
    for name in "abcd":
        write_bytes(workspace.root / f"images/{name}.jpg", photo(name))
    for name, people in (("a", 1), ("b", 0)):
        record = annot(f"images/{name}.jpg", people, hashlib.sha256(photo(name)).hexdigest())
        write_bytes(workspace.path(workspace.annot_file(f"{name}.jpg")), sealed_bytes(record))
        sha256 = hashlib.sha256(sealed_bytes(record)).hexdigest()
        write_record(workspace.path(workspace.poses_file(f"{name}.jpg")), poses(record, sha256))
        write_bytes(workspace.path(workspace.final_file(f"{name}.jpg")), b"x")
    log = RunLog(workspace, FIRST, {}, Progress("first-stage", 4, quiet=True))
    with log.kept():
        log.fail("images/c.jpg", ImageError("is empty", "copy again"))


def test_an_empty_workspace_has_nothing(tmp_path: Path) -> None:
    assert all(not counts for counts in workspace_status(Workspace(tmp_path)).values())


def test_status_counts_per_stage(workspace: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    fill(workspace)
    status = workspace_status(workspace)
    assert status["first-stage"] == {"done": 2, "nobody": 1, "failed": 1, "to do": 1}
    assert status["second-stage"] == {"done": 2, "nobody": 1}
    assert main(["status", str(workspace.root)]) == 0
    assert capsys.readouterr().out.strip() == status_table(status).strip()


def test_a_workspace_that_is_not_there_is_no_empty_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", str(tmp_path / "mistyped")]) == 2
    assert "no workspace" in capsys.readouterr().err


def test_what_has_changed_is_to_do_again(workspace: Workspace) -> None:
    fill(workspace)
    write_bytes(workspace.root / "images/a.jpg", b"another picture")
    (workspace.root / "final/b.jpg").unlink()
    status = workspace_status(workspace)
    assert status["first-stage"]["to do"] == 2
    assert status["second-stage"] == {"to do": 2}


def test_an_edited_annot_is_done_and_one_that_cannot_be_read_has_failed(workspace: Workspace) -> None:
    fill(workspace)
    path = workspace.root / "annots/a.json"
    path.write_bytes(path.read_bytes().replace(b'"x1": 1.0', b'"x1": 2.0'))
    (workspace.root / "annots/b.json").write_bytes(b"{")
    status = workspace_status(workspace)
    assert status["first-stage"] == {"done": 1, "nobody": 0, "failed": 2, "to do": 1}
    assert status["second-stage"] == {"failed": 1, "to do": 1}
    path.write_bytes(path.read_bytes().replace(b'"width": 60', b'"width": 61'))
    assert workspace_status(workspace)["first-stage"] == {"failed": 3, "to do": 1}


def test_edited_poses_are_done_and_mistyped_ones_have_failed(workspace: Workspace) -> None:
    fill(workspace)
    path = workspace.root / "output/poses/a.json"
    path.write_bytes(path.read_bytes().replace(b'"x": 3.25', b'"x": 4'))
    assert workspace_status(workspace)["second-stage"] == {"done": 2, "nobody": 1}
    path.write_bytes(path.read_bytes().replace(b'"x": 4', b'"x": 4e9'))
    assert workspace_status(workspace)["second-stage"] == {"done": 1, "nobody": 1, "failed": 1}


def test_names_that_clash_or_are_no_text_have_failed_and_others_are_passed_over(
    workspace: Workspace, capsys: pytest.CaptureFixture[str]
) -> None:
    fill(workspace)
    before = workspace_status(workspace)["first-stage"]
    for name in ("e.png", "e.png.jpg", "clip.wmv", "notes.txt"):
        write_bytes(workspace.root / "images" / name, photo("e"))
    (workspace.root / os.fsdecode(b"images/caf\xe9.jpg")).write_bytes(photo("f"))
    after = workspace_status(workspace)["first-stage"]
    assert after - before == {"failed": 2, "to do": 1, "passed over": 2}
    assert main(["status", str(workspace.root)]) == 0
    header, first, _ = capsys.readouterr().out.splitlines()
    assert header.endswith("to do  passed over") and first.split()[-1] == "2"


def test_a_corrected_annot_is_done_whatever_became_of_its_image(workspace: Workspace) -> None:
    fill(workspace)
    write_record(workspace.root / "annots/d.json", annot("images/d.jpg", corrected=True))
    assert workspace_status(workspace)["first-stage"]["done"] == 3


def test_what_was_found_is_told_per_photo(workspace: Workspace, capsys: pytest.CaptureFixture[str]) -> None:
    fill(workspace)
    assert main(["found", str(workspace.root)]) == 0
    final = workspace.root / "final"
    assert capsys.readouterr().out.splitlines()[:2] == [
        f"a.jpg: 1 person, 1 of 1 keypoints sure -> {final / 'a.jpg'}",
        f"b.jpg: 0 people -> {final / 'b.jpg'}",
    ]


def test_the_verdict_is_3_when_a_report_lists_failures(workspace: Workspace) -> None:
    assert main(["verdict", str(workspace.root)]) == 0
    fill(workspace)
    assert main(["verdict", str(workspace.root)]) == 3
    workspace.report_path("first-stage").rename(workspace.report_path("second-stage"))
    assert main(["verdict", str(workspace.root)]) == 3


def test_the_schemas_in_docs_are_those_of_the_records(tmp_path: Path) -> None:
    docs = Path(__file__).parents[2] / "docs/schema"
    assert main(["schema", str(tmp_path)]) == 0
    for path in sorted(tmp_path.iterdir()):
        assert json.loads(path.read_text()) == json.loads((docs / path.name).read_text()), "run `make schema`"


@pytest.mark.parametrize("found", [{}, {"done": 2, "to do": 1}])
def test_a_stage_may_count_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, found: dict[str, int]) -> None:
    (tmp_path / "third_stage").mkdir()
    source = f"from collections import Counter\ndef counted(workspace): return Counter({found!r})\n"
    (tmp_path / "third_stage/numbers.py").write_text(source)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "third_stage", raising=False)
    monkeypatch.delitem(sys.modules, "third_stage.numbers", raising=False)
    third = FIRST.model_copy(
        update={"name": "third-stage", "package": "third_stage", "status": None, "counts": "numbers"}
    )
    monkeypatch.setattr("stage_kit.command.status.installed_stages", lambda: (third,))
    assert workspace_status(Workspace(tmp_path)) == ({"third-stage": found} if found else {})


def test_a_stage_without_pictures_of_its_own_has_no_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    motion = FIRST.model_copy(update={"name": "motion-stage", "order": 30, "status": None})
    for module in ("command.status", "command.found"):
        monkeypatch.setattr(f"stage_kit.{module}.installed_stages", lambda: (FIRST, SECOND, motion))
    assert set(workspace_status(Workspace(tmp_path))) == {"first-stage", "second-stage"}
    assert "final" in where_to_look(Workspace(tmp_path))
