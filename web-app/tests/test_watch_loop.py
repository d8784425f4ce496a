"""The loop: the same events at any speed and with any viewers, states of a source, threads given back."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import pytest
from network_camera import network_camera

from pose_contract.errors import UsageError
from web_app.watch.asking import EventQuery, events, sessions
from web_app.watch.people import Frame
from web_app.watch.script import FPS, PLAY, SIZE_WH, ScriptEstimator, play
from web_app.watch.sources import OpenSource, Source, listed_sources, masked, source_of
from web_app.watch.store import open_store, sqlite_url
from web_app.watch.watcher import Watcher, wait_until
from web_app.watch.writing import EventWriter

SHORT = 12.0  # seconds of the play


class SlowEstimator(ScriptEstimator):
    """Takes its time."""

    def __call__(self, frame: Frame) -> Any:
        time.sleep(0.002)
        return super().__call__(frame)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The play's first seconds as a file."""
    path = tmp_path_factory.mktemp("clip") / "play.mp4"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"mp4v"), FPS, SIZE_WH)
    for frame in play(seconds=SHORT):
        writer.write(cv2.cvtColor(frame.picture, cv2.COLOR_RGB2BGR))
    writer.release()
    return path


Make = Callable[..., Watcher]


@pytest.fixture
def watcher(tmp_path: Path, clip: Path) -> Iterator[Make]:
    made: list[Watcher] = []

    def make(name: str = "events", estimator: ScriptEstimator | None = None, **more: Any) -> Watcher:
        store = open_store(sqlite_url(tmp_path / f"{name}.sqlite"))
        sources = {
            "file": Source("file", "file", "play", str(clip)),
            "camera": Source("camera", "camera", "camera 97", "97"),
            "broken": Source("broken", "file", "broken", str(tmp_path / "none.mp4")),
            "synthetic": Source("synthetic", "synthetic", "script"),
        }
        one = Watcher(sources, EventWriter(store), lambda: estimator or ScriptEstimator(), **{"paced": False, **more})
        made.append(one)
        return one

    yield make
    for one in made:
        one.close()


def outline(watcher: Watcher) -> list[tuple[Any, ...]]:
    assert watcher.writer.flush(20)
    rows, _ = events(watcher.writer.store, EventQuery(limit=500))
    return [(r.track_no, r.kind, r.media_ms, r.confirmed_ms, r.frame_no, r.people_after, r.reason) for r in rows]


def watched(watcher: Watcher) -> list[tuple[Any, ...]]:
    watcher.start("file")
    assert watcher.wait(100) and watcher.state == "ended", watcher.problem
    return outline(watcher)


def test_the_same_file_gives_the_same_events_at_any_speed_and_with_any_viewers(watcher: Make) -> None:
    expected = watched(watcher("first"))
    assert len(expected) == 8 and [row[1] for row in expected].count("enter") == 4
    starts = sorted(row[2] / 1000 for row in expected if row[1] == "enter")
    assert all(abs(a - b) < 0.3 for a, b in zip(starts, sorted(p.enter for p in PLAY if p.enter < SHORT), strict=True))
    assert watched(watcher("slow", SlowEstimator())) == expected
    for number in (1, 8):
        assert with_viewers(watcher(f"viewers-{number}"), number) == expected


def with_viewers(watcher: Watcher, number: int) -> list[tuple[Any, ...]]:
    """One of them never fetches a frame."""

    async def look() -> list[tuple[Any, ...]]:
        viewers = [watcher.hub.join() for _ in range(number)]
        task = asyncio.create_task(asyncio.to_thread(watched, watcher))
        shots = 0
        while not task.done():
            for viewer in viewers[: max(1, number - 1)]:
                shots += await viewer.next(0.01) is not None
        assert shots > 5 and watcher.hub.viewers == number
        if number > 1:
            assert viewers[-1].dropped > 0
        for viewer in viewers:
            watcher.hub.leave(viewer)
        return await task

    watcher.open()
    with ThreadPoolExecutor(1) as apart:  # Playwright, where it has been, leaves this thread an event loop
        found = apart.submit(asyncio.run, look()).result()
    assert watcher.hub.viewers == 0
    return found


def test_nothing_is_encoded_without_viewers(watcher: Make) -> None:
    one = watcher()
    watched(one)
    assert one.hub.encoded == 0 and one.hub.latest() is not None
    first, second = one.hub.shot(), one.hub.shot()
    assert first is second and one.hub.encoded == 1 and first is not None and first.jpeg[:2] == b"\xff\xd8"


def test_networks_are_loaded_once_and_sessions_told_apart(watcher: Make) -> None:
    one = watcher()
    assert watched(one) and watched(one)
    assert one.loaded == 1 and one.opened == 2
    found, _ = sessions(one.writer.store, 0, 10)
    assert [row.ended is not None for row in found] == [True, True] and found[0].fps == 30


def test_a_camera_that_is_missing_is_told_and_tried_again(watcher: Make) -> None:
    one = watcher()
    one.start("camera")
    assert wait_until(lambda: one.state == "error", 5) and "camera 97 is not there" in one.problem and one.remedy
    one.start("synthetic")
    assert wait_until(lambda: one.state == "running" and one.hub.latest() is not None, 5)
    one.stop()
    assert one.state == "idle" and one.source is None


def test_a_camera_that_is_unplugged_is_told_and_comes_back(watcher: Make) -> None:
    """A real one, of the network: the pictures come through OpenCV and FFmpeg."""
    with network_camera() as camera:
        one = watcher(first_pause=0.1)
        one.sources["door"] = source_of("door", camera.address)
        one.start("door")
        assert wait_until(lambda: one.status()["people"] > 0, 20), one.problem
        camera.plugged.clear()
        assert wait_until(lambda: one.state == "error", 20)
        assert one.problem.startswith("http://***@127.0.0.1") and one.remedy and "secret" not in one.problem
        assert one.status()["people"] == 0
        assert [row[-1] for row in outline(one) if row[1] == "leave"] == ["source_stopped"]
        camera.plugged.set()
        assert wait_until(lambda: one.status()["people"] > 0, 30), one.problem
        one.stop()
        assert camera.opened >= 2 and one.opened == 2
        found, _ = sessions(one.writer.store, 0, 10)
        assert {row.source_kind for row in found} == {"rtsp"} and len(found) == 2


def test_a_camera_that_says_nothing_is_told(watcher: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    from web_app.watch import loop

    monkeypatch.setattr(loop, "SILENT_SECONDS", 0.3)
    hangs = threading.Event()

    def frames() -> Iterator[Frame]:
        yield from play(seconds=0.2, drawn=False)
        hangs.wait(30)

    one = watcher(open_source=lambda _: OpenSource(FPS, SIZE_WH, frames()))
    one.start("camera")
    assert wait_until(lambda: one.state == "error" and "no frame for" in one.problem, 20)
    hangs.set()


def test_a_file_that_is_none_is_told(watcher: Make) -> None:
    one = watcher()
    one.start("broken")
    assert one.wait(10) and one.state == "error" and one.problem.startswith("broken") and one.remedy


def test_an_estimator_that_fails_ends_the_source_not_the_server(
    watcher: Make, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    class BrokenEstimator(ScriptEstimator):
        def __call__(self, frame: Frame) -> Any:
            raise ZeroDivisionError(frame.number)

    monkeypatch.setattr(threading, "excepthook", lambda _: None)
    one = watcher(estimator=BrokenEstimator())
    one.start("file")
    assert one.wait(10) and one.state == "error" and "bug" in one.problem
    one.start("synthetic")
    assert wait_until(lambda: one.state == "running", 5)


def handles() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


@pytest.mark.skipif(not Path("/proc/self/fd").is_dir(), reason="this system does not tell a process's handles")
def test_toggling_gives_threads_and_handles_back(watcher: Make) -> None:
    """Twenty times between a camera of the network and a file; a missing camera now and then."""
    with network_camera() as camera:
        one = watcher(paced=True)
        one.sources["door"] = source_of("door", camera.address)

        def toggle(turn: int) -> None:
            if turn % 5 == 4:
                one.start("camera")
                assert wait_until(lambda: one.state == "error", 10)
            one.start("file" if turn % 2 else "door")
            wanted = one.generation
            assert wait_until(lambda: (found := one.hub.latest()) is not None and found.generation == wanted, 20)

        def at_rest() -> tuple[int, int]:
            one.stop()
            assert wait_until(lambda: not [t for t in threading.enumerate() if "process_request" in t.name], 10)
            return threading.active_count(), handles()

        toggle(0), toggle(1)
        before = at_rest()
        for turn in range(20):
            toggle(turn)
        assert at_rest() == before
        assert one.opened == 22 and one.loaded == 1


def test_an_address_is_shown_without_its_password() -> None:
    source = source_of("door", "rtsp://me:secret@10.0.0.7:554/one?key=secret")
    assert source.label == masked(source.where) == "rtsp://***@10.0.0.7:554/one?***"
    assert "secret" not in repr(source) and source.is_live


@pytest.mark.parametrize(
    "what", ["", "none.mp4", "file:///etc/passwd", "concat:a|b", "rtsp://", "rtsp://[", "rtsp://a:x/"]
)
def test_what_is_no_source_is_refused(what: str) -> None:
    with pytest.raises(UsageError):
        source_of("x", what)


def test_the_list_of_sources() -> None:
    found = listed_sources(None, [Source("camera", "camera", "camera 3", "3")])
    assert list(found) == ["camera", "demo", "synthetic"] and found["camera"].where == "3"
