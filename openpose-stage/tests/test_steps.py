"""The stage on photos, with a network that sees a person about each black square."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from fakes import TIMES, SquareNetwork, plan_with, poses_of, run, write_photo
from PIL import Image
from synthetic import LAYOUTS, person_at

from openpose_stage import facts
from openpose_stage.options import DecodeOptions, ModelOptions, OpenposeOptions, own_folders
from openpose_stage.results import SHEETS
from openpose_stage.steps import made_by
from pose_contract.errors import UsageError, WorkspaceError
from pose_contract.skeletons import COCO18
from pose_contract.workspace import Workspace
from stage_kit.pictures.draw_style import DrawStyle
from stage_kit.pictures.images import read_image
from stage_kit.runs.lock import locked
from stage_kit.testing import dies_at_write, workspace_bytes

TWO = [(330, 150, 40), (120, 160, 44)]


@pytest.fixture
def filled(workspace: Workspace) -> Workspace:
    write_photo(workspace, "a.jpg", TWO)
    write_photo(workspace, "é/b c.png.jpg", [(150, 260, 60)], (300, 520))
    write_photo(workspace, "z.jpg", [])
    return workspace


def expected(square: tuple[int, int, int]) -> np.ndarray:
    x, y, side = square
    return person_at(x - 0.5, y - 0.5, TIMES * side)


def test_people_stand_where_they_are_from_left_to_right(filled: Workspace) -> None:
    report = run(filled)
    assert (report.counts.images, report.counts.processed, report.counts.people, report.counts.nobody) == (3, 3, 3, 1)
    poses = poses_of(filled, "a.jpg")
    assert (poses.skeleton, poses.width, poses.height, len(poses.people)) == ("coco18", 480, 300, 2)
    for person, square in zip(poses.people, sorted(TWO), strict=True):
        assert [point.name for point in person.keypoints] == list(COCO18.keypoints)
        found = np.array([(point.x, point.y) for point in person.keypoints])
        assert np.abs(found - expected(square)).max() < 4
        x1, _, _, y2 = person.box.xyxy
        assert x1 == pytest.approx(found[:, 0].min(), abs=0.01) and y2 == pytest.approx(found[:, 1].max() + 1, abs=0.01)
        assert person.score == pytest.approx(np.mean([point.score for point in person.keypoints]), abs=1e-3)
    upright = poses_of(filled, "é/b c.png.jpg").people
    assert len(upright) == 1 and poses_of(filled, "z.jpg").people == ()


def test_every_input_has_the_photos_own_shape(filled: Workspace) -> None:
    """480 x 300 at 256 high is 410 wide, and 300 x 520 is 148: to the next multiples of eight, never squashed."""
    network = SquareNetwork(at_once=(1, 1))
    run(filled, network)
    assert sorted(set(network.asked)) == [(1, 256, 152, 3), (1, 256, 416, 3)]


def test_tables_and_pictures(filled: Workspace) -> None:
    run(filled)
    root = filled.root / "openpose"
    written = {path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file()}
    assert written == {
        "poses/a.json", "poses/é/b c.png.json", "poses/z.json", "final/a.jpg",
        "final/é/b c.png.jpg", "final/z.jpg", "keypoints.csv", "keypoints.coco.json", "images.coco.json",
    }  # fmt: skip
    rows = list(csv.DictReader((root / "keypoints.csv").open()))
    assert len(rows) == 3 * 18 and {row["image"] for row in rows} == {"a.jpg", "é/b c.png.jpg"}
    assert len(json.loads((root / "keypoints.coco.json").read_text())) == 3
    drawn, plain = (read_image(path).astype(int) for path in (root / "final/a.jpg", filled.root / "images/a.jpg"))
    assert drawn.shape == plain.shape and np.abs(drawn - plain).max() > 60
    assert np.abs(read_image(root / "final/z.jpg").astype(int) - 255).max() < 4
    assert not (filled.root / "output").exists() and not (filled.root / "final").exists()


@pytest.mark.parametrize("name", ["mpi", "body25"])
def test_other_skeletons(workspace: Workspace, name: str) -> None:
    write_photo(workspace, "a.jpg", TWO)
    run(workspace, SquareNetwork(LAYOUTS[name]))
    poses = poses_of(workspace, "a.jpg")
    assert poses.skeleton == LAYOUTS[name].skeleton.name and len(poses.people) == 2
    assert [len(person.keypoints) for person in poses.people] == [LAYOUTS[name].parts] * 2


def test_what_is_not_found_has_a_row_of_zeros(workspace: Workspace) -> None:
    write_photo(workspace, "a.jpg", [(200, 230, 50)])  # the feet are below the photo
    run(workspace)
    (person,) = poses_of(workspace, "a.jpg").people
    lacking = {point.name for point in person.keypoints if point.score == 0}
    assert lacking == {"left_ankle", "right_ankle"}
    assert all((point.x, point.y) == (0, 0) for point in person.keypoints if point.name in lacking)
    assert person.box.y1 > 60, "the box holds what was found, not the zeros"


def test_several_scales_are_averaged(workspace: Workspace) -> None:
    write_photo(workspace, "a.jpg", TWO)
    network = SquareNetwork(at_once=(1, 1))
    run(workspace, network, model=ModelOptions(scales=(1, 0.5, 1.5)))
    assert network.asked == [(1, 256, 416, 3), (1, 128, 208, 3), (1, 384, 624, 3)]
    people = poses_of(workspace, "a.jpg").people
    for person, square in zip(people, sorted(TWO), strict=True):
        found = np.array([(point.x, point.y) for point in person.keypoints])
        assert np.abs(found - expected(square)).max() < 8


def test_one_person_by_the_highest_places(workspace: Workspace) -> None:
    write_photo(workspace, "a.jpg", TWO)
    run(workspace, decode=DecodeOptions(single=True))
    assert len(poses_of(workspace, "a.jpg").people) == 1


def test_a_rerun_touches_nothing_and_never_loads_the_network(filled: Workspace) -> None:
    run(filled)
    before = workspace_bytes(filled.root)
    network = SquareNetwork()
    assert run(filled, network).counts.skipped == 3 and network.asked == []
    assert workspace_bytes(filled.root) == before
    report = run(filled, network, style=DrawStyle(line_thickness=2))
    assert report.counts.redrawn == 3 and network.asked == []
    after = workspace_bytes(filled.root)
    assert all((after[name] != before[name]) == name.startswith("openpose/final/") for name in after)


@pytest.mark.parametrize(
    ("options", "anew"),
    [
        ({}, 0),
        ({"batch_size": 1, "n_cpu": 1}, 0),
        ({"decode": DecodeOptions(threshold=0.1)}, 0),
        ({"decode": DecodeOptions(threshold=0.2)}, 3),
        ({"decode": DecodeOptions(seed_links=True)}, 3),
        ({"decode": DecodeOptions(upsample=1)}, 3),
        ({"model": ModelOptions(scales=(1, 1.5))}, 3),
        ({"overwrite": True}, 3),
    ],
)
def test_what_changes_results_is_done_anew_and_nothing_else(
    filled: Workspace, options: dict[str, object], anew: int
) -> None:
    run(filled)
    assert run(filled, **options).counts.processed == anew  # type: ignore[arg-type]


def test_what_a_record_depends_on() -> None:
    options = OpenposeOptions(own_folders(Workspace(Path())))
    made = made_by(options, plan_with(SquareNetwork()))
    assert (made.stage, made.results, made.model) == ("openpose-stage", facts().results, "fake")
    assert made.options["height"] == 256 and made.options["threshold"] == 0.1 and "norm" not in made.options


def test_a_changed_photo_is_done_anew_and_one_that_is_gone_takes_its_outputs_along(filled: Workspace) -> None:
    run(filled, explain=True)
    write_photo(filled, "a.jpg", TWO[:1])
    (filled.root / "images/z.jpg").unlink()
    assert run(filled).counts.processed == 1
    assert len(poses_of(filled, "a.jpg").people) == 1
    assert not [path for path in (filled.root / "openpose").rglob("*") if path.stem == "z" or "z" in path.parts]


def test_what_a_person_wrote_is_kept(filled: Workspace) -> None:
    run(filled)
    path = filled.root / "openpose/poses/a.json"
    record = json.loads(path.read_text())
    record["people"][0]["keypoints"][0]["x"] = 77.0
    edited = json.dumps(record)
    path.write_text(edited)
    for options in ({}, {"overwrite": True}):
        run(filled, **options)  # type: ignore[arg-type]
        assert path.read_text() == edited
    (filled.root / "images/a.jpg").unlink()
    run(filled)
    assert path.read_text() == edited
    record["people"][0]["keypoints"][0]["x"] = "left"
    write_photo(filled, "a.jpg", TWO)
    path.write_text(json.dumps(record))
    report = run(filled)
    assert [failure.file for failure in report.failures] == ["images/a.jpg"] and path.exists()


def test_bad_photos_fail_alone_and_damaged_ones_take_their_outputs_along(filled: Workspace) -> None:
    run(filled)
    (filled.root / "images/a.jpg").write_bytes(b"no picture")
    (filled.root / "images/z.png").write_bytes(b"")
    report = run(filled)
    assert {failure.file for failure in report.failures} == {"images/a.jpg", "images/z.png"}
    assert all(failure.remedy for failure in report.failures) and report.counts.skipped == 2
    assert not (filled.root / "openpose/poses/a.json").exists() and not (filled.root / "openpose/final/a.jpg").exists()


def test_nothing_to_do_and_a_second_run_are_refused(filled: Workspace) -> None:
    with locked(filled, "openpose-stage"), pytest.raises(WorkspaceError, match="openpose-stage is already running"):
        run(filled)
    for path in (filled.root / "images").rglob("*.jpg"):
        path.unlink()
    with pytest.raises(UsageError, match="no picture in"):
        run(filled)


def test_odd_shapes(workspace: Workspace) -> None:
    """A line of pixels, a panorama of 40:1, a needle: none is squashed, all get a record."""
    for name, wh in (("dot.jpg", (1, 1)), ("pano.jpg", (4000, 100)), ("needle.jpg", (30, 2000))):
        write_photo(workspace, name, [], wh)
    network = SquareNetwork()
    assert run(workspace, network).counts.processed == 3
    sides = {shape[1:3] for shape in network.asked}
    assert all(side % 8 == 0 and 64 <= side <= 1024 for shape in sides for side in shape), sides


def test_explain_draws_every_step_and_a_rerun_needs_nothing(workspace: Workspace) -> None:
    write_photo(workspace, "sub/a.jpg", TWO)
    run(workspace)
    network = SquareNetwork()
    assert run(workspace, network, explain=True).counts.processed == 1 and network.asked
    folder = workspace.root / "openpose/maps/sub/a"
    assert {path.name for path in folder.iterdir()} == set(SHEETS)
    for path in folder.glob("*.jpg"):
        assert min(Image.open(path).size) > 400
    rows = list(csv.DictReader((folder / "5-links.csv").open()))
    assert len(rows) == 19 * 4 and {row["verdict"] for row in rows} >= {"linked", "too few good samples"}
    assert sum(row["verdict"] == "linked" for row in rows) == 2 * 19
    for row in rows:
        samples = [float(row[f"sample_{number}"]) for number in range(10)]
        assert float(row["mean"]) == pytest.approx(np.mean(samples), abs=1e-3)
        assert int(row["good"]) == sum(sample > 0.1 for sample in samples)
        assert (row["verdict"] == "too few good samples") == (int(row["good"]) < 8)
    assert run(workspace, SquareNetwork(), explain=True).counts.skipped == 1
    (folder / "4-fields.jpg").unlink()
    assert run(workspace, explain=True).counts.processed == 1


def test_one_person_of_mpi_with_the_pictures_of_all_its_maps(workspace: Workspace) -> None:
    """Acceptance 9: 15 parts, the highest places, a sheet of 15 maps (4 x 4 cells)."""
    write_photo(workspace, "a.jpg", [(240, 150, 40), (60, 160, 20)])
    run(workspace, SquareNetwork(LAYOUTS["mpi"]), DecodeOptions(single=True), explain=True)
    poses = poses_of(workspace, "a.jpg")
    assert poses.skeleton == "mpi15" and len(poses.people) == 1 and len(poses.people[0].keypoints) == 15
    width, height = Image.open(workspace.root / "openpose/maps/a/1-confidence.jpg").size
    assert width == 4 * 420 and height == 4 * (round(420 * 300 / 480) + 24)


@pytest.mark.parametrize("after", [False, True])
def test_killed_at_a_write_it_goes_on_and_gives_the_same_bytes(tmp_path: Path, after: bool) -> None:
    def story(root: Path) -> None:
        workspace = Workspace(root)
        run(workspace)
        write_photo(workspace, "a.jpg", [])
        (root / "images/b.jpg").unlink(missing_ok=True)
        run(workspace)

    def begin(root: Path) -> None:
        (root / "images").mkdir(parents=True)
        for name in ("a.jpg", "b.jpg"):
            write_photo(Workspace(root), name, [(120, 75, 20)], (240, 150))

    whole = tmp_path / "whole"
    begin(whole)
    story(whole)
    expected_bytes = workspace_bytes(whole)
    for point in range(after, 100, 3):
        root = tmp_path / f"{point}"
        begin(root)
        if not dies_at_write(lambda root=root: story(root), point, after):  # type: ignore[misc]
            break
        story(root)
        assert workspace_bytes(root) == expected_bytes, point
    assert point > 20
