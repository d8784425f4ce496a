"""What lies where in an object store, what is fetched, and in which order work is put back: pure functions."""

from __future__ import annotations

import pytest
from fakes import STAGE

from pose_cluster.storage.layout import Layout, beginnings, is_file_name, orphans, stems_of
from pose_cluster.storage.seen_objects import blocks
from pose_cluster.storage.transfers import Part, Putting, Stored, parts, putting
from stage_kit.stages import StageFacts, StatusFacts

OF_IMAGES = StatusFacts(of="images", record="annots", picture="inspect")
OF_ANNOTS = StatusFacts(of="annots", record="poses", picture="final")
FIRST = Layout(STAGE.model_copy(update={"writes": ("annots", "cuts", "inspect"), "status": OF_IMAGES}))
SECOND = Layout(STAGE.model_copy(update={"writes": ("final", "output"), "status": OF_ANNOTS}))


@pytest.mark.parametrize(
    ("file", "stems"),
    [
        ("", {""}),
        ("a.jpg", {"a.jpg", "a"}),
        ("A.JPG", {"A.JPG", "A"}),
        ("sub/a.png", {"sub/a.png"}),
        ("sub/a.png.json", {"sub/a.png.json", "sub/a.png"}),
        ("sub/a-12.jpg", {"sub/a-12.jpg", "sub/a-12", "sub/a"}),
        ("v.mp4", {"v.mp4", "v"}),
        ("v.mov.mp4", {"v.mov.mp4", "v.mov"}),
        ("v.mp4.jsonl", {"v.mp4.jsonl", "v.mp4"}),
        ("v.mp4.jsonl.part", {"v.mp4.jsonl.part", "v.mp4"}),
        ("v.mp4.frames/000012_0.jpg", {"v.mp4", "v"}),
    ],
)
def test_the_stems_that_a_file_may_belong_to(file: str, stems: set[str]) -> None:
    assert stems_of(file) == stems


@pytest.mark.parametrize(
    ("file", "is_one"),
    [
        ("", False),
        ("../out.jpg", False),
        ("images/../../etc/passwd", False),
        ("/etc/passwd", False),
        ("images//a.jpg", False),
        ("images/./a.jpg", False),
        ("images/", False),
        ("images/a\0.jpg", False),
        ("images/" + "a" * 256, False),
        ("reports/.tmp-0123", False),
        ("images/" + "a" * 255, True),
        ("images/sub/ä b.jpg", True),
        ("reports/.seen.block-1.json", True),
    ],
)
def test_which_objects_can_be_files(file: str, is_one: bool) -> None:
    assert is_file_name(file) is is_one


@pytest.mark.parametrize(
    ("stems", "most", "found"),
    [
        ([], 8, []),
        (["a"], 8, ["a"]),
        (["a", "ab"], 8, ["a"]),
        (["a/098", "a/099", "a/100", "a/101"], 1, ["a/"]),
        (["a/098", "a/099", "a/100", "a/101"], 2, ["a/09", "a/10"]),
        (["a/098", "a/099", "a/100", "a/101"], 3, ["a/09", "a/100", "a/101"]),
        (["x", "y", "z"], 2, [""]),
        ([f"{index:03}" for index in range(95, 125)], 8, ["09", "10", "11", "120", "121", "122", "123", "124"]),
        (["a", "a", "b"], 8, ["a", "b"]),
    ],
)
def test_beginnings_cover_all_stems_and_few_others(stems: list[str], most: int, found: list[str]) -> None:
    asked = beginnings(stems, most)
    assert asked == found
    assert all(sum(stem.startswith(beginning) for beginning in asked) == 1 for stem in stems)


@pytest.mark.parametrize(
    ("records", "sources", "stale"),
    [
        ([], [], set()),
        (["a.json"], [], {"a"}),
        (["a.json"], ["a.jpg"], set()),
        (["a.json"], ["a.JPG"], set()),
        (["a.JPG.json"], ["a.JPG"], {"a.JPG"}),  # a record of the first release: it is looked into
        (["a.png.json", "a.json"], ["a.png"], {"a"}),
        (["v.mp4.jsonl", "w.mp4.jsonl.part"], ["v.mp4"], {"w.mp4"}),
        (["sub/a.json"], ["a.jpg"], {"sub/a"}),
        (["a.json", "v.mp4.jsonl"], ["a.json", "v.mp4.jsonl"], set()),  # poses and annots
    ],
)
def test_records_whose_source_is_gone(records: list[str], sources: list[str], stale: set[str]) -> None:
    assert orphans(records, sources) == stale


@pytest.mark.parametrize(
    ("layout", "file", "settled", "to_do"),
    [
        (FIRST, "images/a.jpg", Part.HOLE, Part.WHOLE),
        (FIRST, "images/a.mp4", Part.HOLE, Part.WHOLE),
        (FIRST, "annots/a.json", Part.WHOLE, Part.WHOLE),
        (FIRST, "annots/a.mp4.jsonl.part", Part.WHOLE, Part.WHOLE),
        (FIRST, "cuts/a-0.jpg", Part.HOLE, Part.HOLE),
        (FIRST, "cuts/a.mp4.frames/made-of.txt", Part.WHOLE, Part.WHOLE),
        (FIRST, "inspect/a.jpg", Part.HOLE, Part.HEAD),
        (FIRST, "inspect/a.mp4", Part.WHOLE, Part.HOLE),
        (SECOND, "images/a.jpg", Part.HOLE, Part.WHOLE),
        (SECOND, "cuts/a-0.jpg", Part.HOLE, Part.WHOLE),
        (SECOND, "annots/a.json", Part.WHOLE, Part.WHOLE),
        (SECOND, "output/poses/a.json", Part.WHOLE, Part.WHOLE),
        (SECOND, "output/debug/a-0.jpg", Part.HOLE, Part.HOLE),
        (SECOND, "output/keypoints.csv", Part.HOLE, Part.HOLE),
        (SECOND, "final/a.jpg", Part.HEAD, Part.HEAD),
    ],
)
def test_how_much_of_a_file_is_fetched(layout: Layout, file: str, settled: Part, to_do: Part) -> None:
    assert parts(layout, [file], ()) == {file: settled}
    assert parts(layout, [file], {"a", "a.mp4"}) == {file: to_do}


OLD, NEW = (3, 100), (3, 200)


@pytest.mark.parametrize(
    ("before", "after", "kept", "done"),
    [
        ({}, {}, (), Putting()),
        ({"images/a.jpg": OLD}, {"images/a.jpg": OLD}, (), Putting()),
        (
            {},
            {"cuts/a-0.jpg": NEW, "annots/a.json": NEW},
            (),
            Putting(files=("cuts/a-0.jpg",), records=("annots/a.json",)),
        ),
        (  # made anew: the old record goes before the first picture is overwritten
            {"inspect/a.jpg": OLD, "annots/a.json": OLD, "cuts/a-1.jpg": OLD},
            {"inspect/a.jpg": NEW, "annots/a.json": NEW},
            (),
            Putting(("annots/a.json",), ("cuts/a-1.jpg",), ("inspect/a.jpg",), ("annots/a.json",)),
        ),
        (  # a person's record stays until the new one is there
            {"annots/a.json": OLD},
            {"inspect/a.jpg": NEW, "annots/a.json": NEW},
            ("annots/a.json",),
            Putting(files=("inspect/a.jpg",), records=("annots/a.json",)),
        ),
        (  # stale: the record goes last
            {"annots/a.json": OLD, "inspect/a.jpg": OLD},
            {},
            (),
            Putting(gone=("inspect/a.jpg",), gone_records=("annots/a.json",)),
        ),
        (  # a full disk: the run removed the record, wrote a picture, and ended
            {"annots/a.json": OLD, "inspect/a.jpg": OLD, "annots/b.json": OLD},
            {"inspect/a.jpg": NEW, "annots/b.json": OLD},
            (),
            Putting(outdated=("annots/a.json",), files=("inspect/a.jpg",)),
        ),
    ],
)
def test_the_order_in_which_work_is_put_back(
    before: dict[str, tuple[int, int]], after: dict[str, tuple[int, int]], kept: tuple[str, ...], done: Putting
) -> None:
    assert putting(FIRST, before, after, kept) == done


def test_what_is_left_when_somebody_has_edited_a_record() -> None:
    plan = Putting(("annots/a.json", "annots/b.json"), (), ("cuts/a-0.jpg", "cuts/b-0.jpg"), ("annots/a.json",), ())
    assert plan.without(FIRST, {"a"}) == Putting(("annots/b.json",), (), ("cuts/b-0.jpg",))
    assert FIRST.stem_of_record("annots/sub/a.png.json") == "sub/a.png"
    assert SECOND.stem_of_record("output/poses/sub/v.mp4.jsonl") == "sub/v.mp4"


@pytest.mark.parametrize(
    ("shard", "names", "found"),
    [
        ("1of1", [], ("block-1", "block-2")),
        ("2of8", ["a.jpg", "b.jpg"], ("block-2", "block-1", "block-3")),
        ("2of8", ["a.jpg"], ("block-2", "block-1", "block-3")),
    ],
)
def test_a_block_is_known_by_its_number_and_asks_its_neighbours(
    shard: str, names: list[str], found: tuple[str, ...]
) -> None:
    assert blocks(shard, names) == found


def test_videos_and_pieces_have_blocks_of_their_own() -> None:
    (video,), (other,) = blocks("9of9", ["v.mp4"]), blocks("8of9", ["w.mp4"])
    assert video.startswith("video-") and video != other and blocks("3of4", ["v.mp4"]) == (video,)
    assert blocks("9of8", ["a.jpg", "b.jpg"])[0].startswith("piece-")


def test_a_files_time_in_scratch_follows_from_the_store_s_key() -> None:
    one, same, other = Stored(3, "ETag 1"), Stored(3, "ETag 1"), Stored(3, "ETag 2")
    assert one.mtime_ns == same.mtime_ns != other.mtime_ns
    assert 0 <= one.mtime_ns < 10**18 and one.mtime_ns % 1000 == 0


def test_a_stage_s_folders() -> None:
    assert FIRST.sources == "images" and SECOND.sources == "annots"
    assert FIRST.records == ("annots",) and SECOND.records == ("output/poses",)
    assert FIRST.folders == ("images", "annots", "cuts", "inspect")
    assert SECOND.folders == ("images", "annots", "cuts", "final", "output")
    assert FIRST.stem("sub/a.jpg") == SECOND.stem("sub/a.json") == "sub/a"
    assert SECOND.stem("a.jpg.json") == "a.jpg" and FIRST.stem("v.mp4") == SECOND.stem("v.mp4") == "v.mp4"
    assert Layout(StageFacts(name="", package="", order=0, results=1, writes=(), version="")).records == ()
