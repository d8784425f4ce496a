"""On Ray's own cluster of several nodes in one machine: the bytes of one process, whoever is killed.

Ray gives its nodes 15 s to start, which a machine that is busy with other tests may not do: `make test-ray` runs them.
POSE_CHAOS_ROUNDS says how many rounds of killing there are: 2, or by hand 20; POSE_CHAOS_NODES, of how many nodes.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import pictures

psutil = pytest.importorskip("psutil", reason="it comes with the tests' packages: make .venv/.dev")
cluster_utils = pytest.importorskip("ray.cluster_utils", reason="Ray is not installed: make setup CLUSTER=1")

from s3_server import BUCKET, BadDay, log_in, served
from stores import downloaded, uploaded

from pose_cluster.cli import main
from pose_cluster.storage.object_store import open_store
from pose_contract.storage import read_report
from stage_kit.runs.stage_run import open_run
from stage_kit.stages import installed_stages, stage_facts
from stage_kit.testing import set_key_frames, workspace_bytes
from stage_kit.videos.writer import write_movie

pytestmark = pytest.mark.skipif(os.environ.get("POSE_RAY") != "1", reason="starts Ray's nodes: make test-ray")
NODES = int(os.environ.get("POSE_CHAOS_NODES", "2"))
CORES = 2  # that a node says it has
STARTS = 8
ROUNDS = int(os.environ.get("POSE_CHAOS_ROUNDS", "2"))
SMALL = 80 << 20  # bytes of a node's object store
QUICK = {"health_check_initial_delay_ms": 1000, "health_check_period_ms": 1000, "health_check_failure_threshold": 5}
QUICK |= {"enable_worker_prestart": False, "prestart_worker_first_driver": False}  # nobody would use them


@pytest.fixture(scope="module")
def bad_day() -> Iterator[BadDay]:
    """moto's S3, of which the nodes know by their variables."""
    with served() as (address, played), pytest.MonkeyPatch.context() as patch:
        log_in(patch, address)
        yield played


@pytest.fixture(scope="module")
def nodes(installed: Path, bad_day: BadDay) -> Iterator[Any]:
    """Two nodes that say they have two cores each."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    head = {"_system_config": QUICK, "include_dashboard": False, "no_monitor": True}  # nothing scales it
    cluster = cluster_utils.Cluster()
    add_node(cluster, **head)
    for _ in range(1, NODES):
        add_node(cluster)
    yield cluster
    cluster.shutdown()


def add_node(cluster: Any, **head: object) -> None:
    """A node waits no more than 15 s for its agents, which a busy machine may not start by then: it is tried again."""
    for tries_left in reversed(range(STARTS)):
        try:
            cluster.add_node(**node_arguments(), **head)
            return
        except Exception:  # Ray raises no narrower one
            if not tries_left:
                raise


def node_arguments() -> dict[str, int]:
    """With ports that are free now: what its agents need not choose a node need not wait for."""
    names = ("metrics_agent_port", "metrics_export_port", "dashboard_agent_listen_port", "runtime_env_agent_port")
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.socket()) for _ in names]
        for one in sockets:
            one.bind(("", 0))
        ports = [one.getsockname()[1] for one in sockets]
    return {"num_cpus": CORES, "object_store_memory": SMALL, **dict(zip(names, ports, strict=True))}


def wanted_of(fresh: Path) -> dict[str, bytes]:
    """What one process makes of it."""
    root = fresh.with_name("wanted")
    shutil.copytree(fresh, root)
    report = open_run(stage_facts("double_stage"), ["--workspace", str(root)]).whole()  # type: ignore[attr-defined]
    assert report.counts.failed == 1
    return workspace_bytes(root)


def words_for(cluster: Any, root: Path, *more: str) -> list[str]:
    common = ["run", "--workspace", str(root), "--stages", "double", "--address", cluster.address]
    return [*common, "--shard-size", "3", "--keep_going", "--cpus-per-task", "1", *more]


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_any_number_of_workers_gives_the_bytes_of_one_process(
    nodes: Any, fresh: Path, workers: int, capfd: pytest.CaptureFixture[str]
) -> None:
    wanted = wanted_of(fresh)
    assert main(words_for(nodes, fresh, "--workers", str(workers))) == 0
    assert workspace_bytes(fresh) == wanted
    printed = capfd.readouterr().err
    assert f"double-stage: 24 images in 8 shards; workers: {workers}\n" in printed
    assert "images/003.png is empty\n  -> copy it again" in printed
    loaded = (fresh / "reports/loaded.txt").read_text().splitlines()
    assert len(loaded) == len({line.split()[0] for line in loaded}) <= workers, "once a worker"
    report = read_report(fresh / "reports/double-stage.json")
    assert report is not None and report.state == "finished"
    assert (report.counts.processed, report.counts.failed, report.counts.images) == (23, 1, 24)
    (share,) = json.loads((fresh / "reports/pose-cluster.json").read_text())["stages"]
    assert sum(node["images"] for node in share["nodes"]) == 24 and len(share["nodes"]) <= NODES
    assert not list((fresh / "reports").glob("double-stage.*of*"))
    if workers == 4:
        assert main(words_for(nodes, fresh, "--workers", "1")) == 0
        again = read_report(fresh / "reports/double-stage.json")
        assert again is not None and (again.counts.processed, again.counts.skipped) == (0, 23)
        assert workspace_bytes(fresh) == wanted


def test_a_poisonous_picture_fails_alone_and_the_stage_refuses_for_all(
    nodes: Any, fresh: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pose_cluster.ray_pool.RETRIES", 0)
    (fresh / "images/013.png").write_text("kill")
    words = [word for word in words_for(nodes, fresh, "--workers", "1") if word != "--keep_going"]
    assert main(words) == 3
    report = read_report(fresh / "reports/double-stage.json")
    assert report is not None and (report.counts.failed, report.counts.images) == (2, 24)
    assert [failure.file for failure in report.failures] == ["images/003.png", "images/013.png"]
    assert report.failures[1].reason.startswith("stopped every worker that worked on it: ")
    assert len(list(fresh.rglob("annots/**/*.json"))) == 22
    assert main([*words, "--double-stage", "--way refused"]) == 2


def test_a_driver_that_is_killed_goes_on_when_it_is_run_again(nodes: Any, fresh: Path) -> None:
    wanted = wanted_of(fresh)
    words = words_for(nodes, fresh, "--workers", "2", "--double-stage", "--pause 0.15")
    driver = subprocess.Popen([sys.executable, "-m", "pose_cluster.cli", *words])
    wait_for_first_record(fresh)
    driver.kill()
    assert driver.wait() == -signal.SIGKILL
    assert not (fresh / "output/table.txt").exists()
    assert main(words_for(nodes, fresh, "--workers", "1")) == 0
    assert workspace_bytes(fresh) == wanted
    report = read_report(fresh / "reports/double-stage.json")
    assert report is not None and report.counts.skipped > 0 and report.counts.failed == 1


def test_an_object_store_a_worker_killed_while_it_puts_and_a_bad_day(
    nodes: Any, fresh: Path, bad_day: BadDay, tmp_path: Path
) -> None:
    wanted = wanted_of(fresh)
    store = open_store(f"s3://{BUCKET}/{uuid.uuid4().hex}/poses")
    uploaded(fresh, store)
    words = words_for(nodes, Path("unused"), "--workers", "2", "--scratch", str(tmp_path / "scratch"))
    words[words.index("--workspace") + 1] = store.uri
    bad_day.stalls_at, bad_day.every_500, bad_day.every_torn = 9, 13, 17
    threading.Thread(target=kill_when_stalled, args=(bad_day,), daemon=True).start()
    assert main(words) == 0
    assert bad_day.stalled.is_set() and {"500", "torn"} <= set(bad_day.played)
    bad_day.every_500 = bad_day.every_torn = 0
    assert downloaded(store) == wanted
    kept = json.loads(store.read("reports/double-stage.json") or b"")
    assert (kept["counts"]["failed"], kept["counts"]["images"]) == (1, 24)
    assert store.read("reports/pose-cluster.json")


def kill_when_stalled(bad_day: BadDay) -> None:
    """All workers, one of which waits for its answer."""
    bad_day.stalled.wait(120)
    for process in worker_processes():
        process.kill()
    bad_day.go_on.set()


def test_a_long_video_is_looked_at_by_several_workers(
    nodes: Any, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    if not any(stage.name == "yolo-stage" for stage in installed_stages()):
        pytest.skip("yolo-stage is not installed: make setup")
    path = tmp_path / "film/images/long.mp4"
    with write_movie(path, (160, 128), 30) as movie:
        for number in range(90):
            movie.add(np.random.default_rng(number // 30).integers(0, 255, (128, 160, 3), np.uint8), number / 30)
    set_key_frames(path, 30)
    shutil.copytree(tmp_path / "film", tmp_path / "cut")
    for name, seconds in (("film", "0"), ("cut", "1")):
        words = words_for(nodes, tmp_path / name, "--workers", "2", "--segment-seconds", seconds)
        words[words.index("double")] = "yolo"
        assert main([*words, "--yolo-stage", "--weights lite --inspect_movies"]) == 0
    assert workspace_bytes(tmp_path / "cut") == workspace_bytes(tmp_path / "film")
    share = json.loads((tmp_path / "cut/reports/pose-cluster.json").read_text())["stages"][0]
    assert share["shards"] == 3 + 1 and share["lost"] == 0, "three segments and their join"
    assert "yolo-stage: 1 images in 1 shards; workers: 2\n" in capfd.readouterr().err
    assert not (tmp_path / "cut/reports/.answers").exists()


@pytest.mark.timeout(120 + 60 * ROUNDS)
@pytest.mark.parametrize("seed", range(ROUNDS))
def test_workers_and_nodes_that_are_killed_lose_nothing(nodes: Any, tmp_path: Path, seed: int) -> None:
    for _ in range(len(nodes.list_all_nodes()), NODES):  # of the round before
        add_node(nodes)
    fresh = pictures(tmp_path / "fresh", 30)
    wanted = wanted_of(fresh)
    stop = threading.Event()
    killed: list[str] = []
    chaos = threading.Thread(target=kill_now_and_then, args=(nodes, fresh, random.Random(seed), stop, killed))
    chaos.start()
    try:
        code = main(words_for(nodes, fresh, "--double-stage", "--pause 0.15"))
    finally:
        stop.set()
        chaos.join()
    assert code == 0 and {"worker", "node"} <= set(killed), killed
    assert workspace_bytes(fresh) == wanted, killed
    report = read_report(fresh / "reports/double-stage.json")
    assert report is not None and [failure.file for failure in report.failures] == ["images/003.png"], killed


def kill_now_and_then(nodes: Any, root: Path, dice: random.Random, stop: threading.Event, killed: list[str]) -> None:
    """Two workers' processes and one node, at random moments after the first record, in random order."""
    wait_for_first_record(root)
    for what in dice.sample(["worker", "worker", "node"], 3):
        if what == "node":
            workers = [node for node in nodes.list_all_nodes() if node is not nodes.head_node]
            nodes.remove_node(dice.choice(workers), allow_graceful=False)
            killed.append(what)
        elif found := worker_processes():
            dice.choice(found).kill()
            killed.append(what)
        if stop.wait(dice.uniform(0.2, 1.0)):
            return


def worker_processes() -> list[Any]:
    def is_worker(process: Any) -> bool:
        try:
            return "ray::RayWorker" in " ".join(process.cmdline()[:1])
        except psutil.Error:
            return False

    return [process for process in psutil.Process().children(recursive=True) if is_worker(process)]


def wait_for_first_record(root: Path) -> None:
    deadline = time.monotonic() + 60
    while not any((root / "annots").rglob("*.json")) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert any((root / "annots").rglob("*.json"))
