"""Both stages over an object store, with the embedded networks: the bytes of one machine, photos and a video."""

from __future__ import annotations

import json
import os
import shutil
from importlib.util import find_spec
from pathlib import Path

import pytest
from conftest import REPO, run, stage, write_moving_man
from PIL import Image

pytest.importorskip("fsspec", reason="it comes with object storage: make setup CLUSTER=1")

from pose_cluster.dispatch import Outcome
from pose_cluster.merged_report import merged
from pose_cluster.plan import Plan
from pose_cluster.storage.object_store import open_store
from pose_cluster.storage.scratch import Scratch
from pose_cluster.storage.stored_run import open_stored_run
from pose_cluster.worker import Done
from pose_contract.records import RunReport
from pose_contract.workspace import Workspace
from stage_kit.stages import installed_stages
from stage_kit.testing import workspace_bytes

FLAGS = ("--weights", "lite", "--quiet")
FRAMES = 12


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six photos, one of them in a folder and one `.JPG`, one that is damaged, a film; and a YAML that wants sheets."""
    root = tmp_path_factory.mktemp("store") / "fresh"
    shutil.copytree(REPO / "workspace-template", root)
    yaml = root / "w32_256x256_adam_lr1e-3.yaml"
    yaml.write_text(yaml.read_text().replace("DEBUG: false", "DEBUG: true"))
    (root / "images/more").mkdir()
    demo = sorted((REPO / "tools/demo-photos").glob("*.jpg"))
    for index, name in enumerate(("0.jpg", "1.JPG", "2-0.jpg", "2.jpg", "more/3.jpg", "4.png")):
        picture = Image.open(demo[index % len(demo)])
        picture.resize((200 + 40 * index, 200 + 30 * index)).save(root / "images" / name)
    (root / "images/damaged.jpg").write_bytes(b"no picture")
    write_moving_man(root / "images/man.mp4", FRAMES)
    return root


def alone(root: Path) -> dict[str, bytes]:
    """What one process each makes of it."""
    for name in ("yolo", "hrn"):
        finished = run([*stage(name), "--workspace", str(root), *FLAGS, "--keep_going"])
        assert finished.returncode == 0, finished.stderr
    return workspace_bytes(root)


def over(store: Path, scratch: Path, **more: list[str]) -> list[RunReport]:
    reports = []
    for facts in [facts for facts in installed_stages() if facts.name in ("yolo-stage", "hrn-stage")]:
        stored = open_stored_run(
            facts, (*FLAGS, *more.get(facts.package, [])), open_store(f"file://{store}"), Scratch(str(scratch))
        )
        stored.prologue()
        listing = stored.listing()
        shards = Plan(listing, 2).shards
        done = [Done(one, "", 0.0, 1.0, stored.shard(one.names, one.name, listing.names)) for one in shards]
        report = merged(facts, Workspace(Path(os.devnull)), listing, Outcome(done), ("", 1.0))
        reports.append(stored.epilogue(report))
    return reports


def test_a_store_holds_the_bytes_of_one_machine_and_a_rerun_finds_all_done(fresh: Path, tmp_path: Path) -> None:
    single, store = tmp_path / "single", tmp_path / "store"
    shutil.copytree(fresh, single)
    shutil.copytree(fresh, store)
    wanted = alone(single)
    assert any(file.startswith("output/debug/") for file in wanted) and "final/man.mp4" in wanted
    reports = over(store, tmp_path / "scratch")
    assert workspace_bytes(store) == wanted
    assert [(report.counts.processed, report.counts.failed) for report in reports] == [(7, 1), (7, 0)]
    kept = json.loads((store / "reports/yolo-stage.json").read_text())["failures"]
    assert [failure["file"] for failure in kept] == ["images/damaged.jpg"] and "scratch" not in json.dumps(kept)

    reports = over(store, tmp_path / "scratch")
    assert [(report.counts.processed, report.counts.skipped) for report in reports] == [(0, 7), (0, 7)]
    assert workspace_bytes(store) == wanted

    for root in (single, store):  # a photo goes, one is another now, a person corrects a box, a final picture is lost
        (root / "images/more/3.jpg").unlink()
        shutil.copy(root / "images/0.jpg", root / "images/4.png")
        annot = root / "annots/1.json"
        record = json.loads(annot.read_text())
        record["people"] = record["people"][:1]
        record["corrected"] = True
        annot.write_text(json.dumps(record))
        (root / "final/2.jpg").unlink()
    over(store, tmp_path / "scratch")
    assert workspace_bytes(store) == alone(single)


@pytest.mark.skipif(find_spec("pyarrow") is None, reason="pyarrow is not installed: make setup PARQUET=1")
def test_a_parquet_table_in_parts_lies_in_the_store_and_goes_again(fresh: Path, tmp_path: Path) -> None:
    from pyarrow import parquet

    store, tables = tmp_path / "store", ["--tables", "both"]
    shutil.copytree(fresh, store)
    shutil.rmtree(store / "images/more")
    (store / "images/man.mp4").unlink()
    over(store, tmp_path / "scratch", hrn_stage=tables)
    folder = store / "output/keypoints.parquet"
    first = {path.name: path.read_bytes() for path in sorted(folder.iterdir())}
    rows = (store / "output/keypoints.csv").read_text().splitlines()
    assert len(first) == 3 and parquet.read_table(folder).num_rows == len(rows) - 1 > 0
    over(store, tmp_path / "scratch", hrn_stage=tables)
    assert {path.name: path.read_bytes() for path in sorted(folder.iterdir())} == first
    over(store, tmp_path / "scratch")
    assert not [path for path in folder.rglob("*") if path.is_file()]
