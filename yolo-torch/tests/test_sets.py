"""Which pictures train and which measure, of one set of labels or of several."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from pose_contract.errors import UsageError
from pose_contract.records import Box, ImageAnnot, MadeBy, Person
from pose_contract.storage import write_record
from yolo_torch.training.command import parser, with_what_follows
from yolo_torch.training.options import TrainOptions
from yolo_torch.training.sets import read_all


def folder_of(root: Path, pictures: int) -> Path:
    """A folder of pictures without people."""
    root.mkdir()
    for number in range(pictures):
        Image.new("RGB", (40, 40)).save(root / f"{number}.png")
    return root


def workspace_of(root: Path, photos: int) -> Path:
    """A workspace whose annots are all corrected."""
    (root / "images").mkdir(parents=True)
    made_by = MadeBy(stage="yolo-stage", results=1, model="m", weights_sha256="0" * 64, options={})
    person = Person(index=0, score=1, box=Box(x1=2, y1=3, x2=30, y2=30))
    for number in range(photos):
        Image.new("RGB", (40, 40)).save(root / f"images/{number}.png")
        annot = ImageAnnot(
            image=f"images/{number}.png", image_sha256="0" * 64, width=40, height=40, corrected=True, people=(person,),
            made_by=made_by,
        )  # fmt: skip
        write_record(root / f"annots/{number}.json", annot)
    return root


def options_of(root: Path, train: tuple[Path, ...], valid: Path, **more: Any) -> TrainOptions:
    return TrainOptions(model_def=root / "a.cfg", train=train, valid=valid, output=root / "run", **more)


def test_sets_are_read_in_turn_and_mined_by_their_pictures(tmp_path: Path) -> None:
    one, two, other = (folder_of(tmp_path / name, count) for name, count in (("one", 3), ("two", 2), ("other", 1)))
    options = options_of(tmp_path, (one, two), other, mine_sets=(two,))
    sets = read_all(options, 0)
    assert [len(labels) for labels in sets.by_source] == [3, 2] and len(sets.testing) == 1
    assert sets.mined(options) == [3, 4] and not options.splits
    assert sets.mined(options_of(tmp_path, (one, two), other)) == []
    same = read_all(options_of(tmp_path, (one, two), two), 0)
    assert [len(labels) for labels in same.by_source] == [3, 2] and len(same.testing) == 2


def test_a_workspace_beside_other_sets_is_split_by_photo(tmp_path: Path) -> None:
    own, other = workspace_of(tmp_path / "own", 10), folder_of(tmp_path / "other", 2)
    options = options_of(tmp_path, (other, own), own)
    sets = read_all(options, 0)
    assert [len(labels) for labels in sets.by_source] == [2, 8] and len(sets.testing) == 2
    assert not {row.image for row in sets.training} & {row.image for row in sets.testing}
    assert options.splits


def test_the_only_workspace_measures(tmp_path: Path) -> None:
    own, more, other = workspace_of(tmp_path / "a", 2), workspace_of(tmp_path / "b", 2), folder_of(tmp_path / "c", 1)

    def flags(*train: Path) -> dict[str, Any]:
        given = ["--weights", "lite", "--output", str(tmp_path / "run"), "--train", *map(str, train)]
        return with_what_follows(vars(parser().parse_args(given)))

    assert flags(own)["valid"] == own == flags(other, own)["valid"]
    for train in ((other,), (own, more)):
        with pytest.raises(UsageError, match="nothing to measure on"):
            flags(*train)


def test_sizes_and_sets_on_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    given = ["--output", "o", "--train", "a", "b", "--input_sizes", "416", "544x320", "--mine", "b"]
    args = parser().parse_args([*given, "--set_weights", "1", "0.5"])
    assert args.input_sizes == [(416, 416), (544, 320)] and args.set_weights == [1, 0.5]
    assert args.train == [Path("a"), Path("b")] and args.mine == [Path("b")]
    with pytest.raises((SystemExit, UsageError)):
        parser().parse_args([*given, "--input_sizes", "wide"])
