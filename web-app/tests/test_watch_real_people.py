"""Real people, real networks, known truth: who came and went is found, and when."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from real_people import SHORT, SHORT_FPS, SHORT_SECONDS, write_clip

from web_app.watch.asking import EventQuery, events
from web_app.watch.estimators import EstimatorName, Networks, load_networks
from web_app.watch.sources import source_of
from web_app.watch.store import open_store, sqlite_url
from web_app.watch.watcher import Watcher
from web_app.watch.writing import EventWriter

WITHIN = 1.2  # seconds
LEAST = 0.9  # of all that came and went, and of all that was told


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory, shared: Path) -> Path:
    """Two cross, one is hidden for half a second, one comes again after three seconds."""
    path = tmp_path_factory.mktemp("people") / "people.mp4"
    write_clip(path, SHORT, shared / "photos", SHORT_FPS, SHORT_SECONDS)
    return path


def matched(truth: Sequence[float], told: Sequence[float]) -> int:
    """How many of the true moments have one that was told within 1.2 s, each another one."""
    left = sorted(told)
    found = 0
    for moment in sorted(truth):
        near = [one for one in left if abs(one - moment) <= WITHIN]
        if near:
            left.remove(near[0])
            found += 1
    return found


@pytest.mark.parametrize("estimator", ["topdown", "bottomup"])
def test_who_came_and_went_is_found(clip: Path, tmp_path: Path, estimator: EstimatorName) -> None:
    networks = Networks(estimator, weights="lite", openpose_model="lite")
    writer = EventWriter(open_store(sqlite_url(tmp_path / "events.sqlite")))
    watcher = Watcher({"clip": source_of("clip", str(clip))}, writer, lambda: load_networks(networks), paced=False)
    try:
        watcher.start("clip")
        assert watcher.wait(300) and watcher.state == "ended", watcher.problem
        assert writer.flush(20)
        rows, _ = events(writer.store, EventQuery(limit=500))
        assert watcher.status()["counted_by_detector"] == 0  # the last frames show nobody
    finally:
        watcher.close()
        writer.store.close()
    for kind, truth in (("enter", [one.part.enter for one in SHORT]), ("leave", [one.part.leave for one in SHORT])):
        told = [row.media_ms / 1000 for row in rows if row.kind == kind]
        found = matched(truth, told)
        assert found >= LEAST * len(truth) and found >= LEAST * len(told), (kind, truth, told)
