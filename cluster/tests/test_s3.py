"""Over moto's S3: errors, torn and late answers, a killed worker, and what a user may have got wrong."""

from __future__ import annotations

import shutil
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from conftest import pictures

pytest.importorskip("moto.moto_server", reason="it comes with the tests' packages: make .venv/.dev")

from s3_server import BUCKET, BadDay, log_in, served
from stores import QUICK, downloaded, opened, uploaded, whole

from pose_cluster.cli import main
from pose_cluster.storage import object_store
from pose_cluster.storage.object_store import ObjectStore, open_store
from pose_contract.errors import WorkspaceError
from stage_kit.runs.stage_run import open_run
from stage_kit.stages import stage_facts
from stage_kit.testing import workspace_bytes

PICTURES = 6
WORKER = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[3])
from stores import opened, whole
from pose_cluster.storage.object_store import open_store
from stage_kit.stages import stage_facts
whole(stage_facts("double_stage"), opened(open_store(sys.argv[1]), Path(sys.argv[2])))
"""


@pytest.fixture(scope="module")
def server() -> Iterator[tuple[str, BadDay]]:
    with served() as found:
        yield found


@pytest.fixture
def bad_day(server: tuple[str, BadDay], monkeypatch: pytest.MonkeyPatch) -> Iterator[BadDay]:
    address, bad_day = server
    log_in(monkeypatch, address)
    yield bad_day
    bad_day.every_500 = bad_day.every_torn = bad_day.every_slow = 0
    bad_day.stalls_at = -1
    bad_day.played.clear()


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return pictures(tmp_path_factory.mktemp("s3") / "fresh", PICTURES)


@pytest.fixture(scope="module")
def wanted(fresh: Path, installed: Path) -> dict[str, bytes]:
    root = fresh.with_name("wanted")
    shutil.copytree(fresh, root)
    open_run(stage_facts("double_stage"), ["--workspace", str(root), "--quiet"]).whole()  # type: ignore[attr-defined]
    return workspace_bytes(root)


@pytest.fixture
def empty(bad_day: BadDay) -> ObjectStore:
    return open_store(f"s3://{BUCKET}/{uuid.uuid4().hex}/poses", QUICK)


@pytest.fixture
def store(empty: ObjectStore, fresh: Path) -> ObjectStore:
    uploaded(fresh, empty)
    return empty


def test_a_run_and_a_rerun(store: ObjectStore, bad_day: BadDay, wanted: dict[str, bytes], tmp_path: Path) -> None:
    stage = stage_facts("double_stage")
    report = whole(stage, opened(store, tmp_path))
    assert (report.counts.processed, report.counts.failed) == (PICTURES - 1, 1)
    assert downloaded(store) == wanted
    bad_day.asked.clear()
    report = whole(stage, opened(store, tmp_path))
    assert (report.counts.processed, report.counts.skipped) == (0, PICTURES - 1)
    assert [line for line in bad_day.asked if line.startswith("GET") and line.endswith(".png")] == [
        f"GET /{store.root}/images/003.png"
    ], "the one that fails"
    assert {line.rpartition("/")[2] for line in bad_day.asked if line.startswith("PUT")} <= {
        "double-stage.json", "table.txt"
    }  # fmt: skip


def test_errors_torn_and_late_answers_are_got_over(
    store: ObjectStore, bad_day: BadDay, wanted: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(object_store.CLIENT["s3"]["config_kwargs"], "read_timeout", 0.5)
    bad_day.every_500, bad_day.every_torn, bad_day.every_slow, bad_day.slow_seconds = 5, 7, 41, 1.0
    whole(stage_facts("double_stage"), opened(open_store(store.uri, QUICK), tmp_path))
    assert {"500", "torn", "slow"} == set(bad_day.played)
    bad_day.every_500 = bad_day.every_torn = bad_day.every_slow = 0
    assert downloaded(store) == wanted


@pytest.mark.parametrize("stalls_at", [0, 7])
def test_a_worker_that_is_killed_while_it_puts_loses_nothing(
    store: ObjectStore, bad_day: BadDay, wanted: dict[str, bytes], tmp_path: Path, stalls_at: int
) -> None:
    here = str(Path(__file__).parent)
    bad_day.stalled.clear()
    bad_day.go_on.clear()
    bad_day.stalls_at = stalls_at
    worker = subprocess.Popen([sys.executable, "-c", WORKER, store.uri, str(tmp_path / "scratch"), here])
    assert bad_day.stalled.wait(60)
    worker.kill()
    worker.wait()
    bad_day.go_on.set()
    there = downloaded(store)
    assert there != wanted and all(there[file] == data for file, data in wanted.items() if file in there)
    (left,) = (tmp_path / "scratch").glob("pose-cluster-*")
    report = whole(stage_facts("double_stage"), opened(store, tmp_path / "scratch"))
    assert downloaded(store) == wanted and report.counts.failed == 1
    assert not left.exists(), "the next worker removes it"


def test_a_store_that_stays_broken_ends_the_run_with_what_helps(
    store: ObjectStore, bad_day: BadDay, wanted: dict[str, bytes], tmp_path: Path
) -> None:
    bad_day.every_500 = 1
    with pytest.raises(WorkspaceError, match=r"cannot list it in s3://.*: We encountered an internal error") as caught:
        whole(stage_facts("double_stage"), opened(store, tmp_path))
    assert "what is done is kept" in caught.value.remedy
    assert bad_day.played.count("500") == QUICK.tries, "as often as it is tried, and no more"
    bad_day.every_500 = 0
    whole(stage_facts("double_stage"), opened(store, tmp_path))
    assert downloaded(store) == wanted


@pytest.mark.parametrize(
    ("uri", "variables", "code", "message"),
    [
        ("s3://no-such-bucket/poses", {}, 2, "no workspace s3://no-such-bucket/poses: nothing lies in its images/"),
        (f"s3://{BUCKET}/no-such-folder", {}, 2, "put photos there, as s3://lab/no-such-folder/images/a.jpg"),
        ("s3://", {}, 2, "no bucket is named"),
        ("gopher://lab/poses", {}, 2, "no storage is called gopher://"),
        ("memory://lab/poses", {}, 2, "lies in one process"),
        ("{store}", {"AWS_PROFILE": "nobody"}, 5, "AWS_PROFILE"),
        ("{store}", {"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}, 5, "cannot list images/ in s3://lab/"),
    ],
)
def test_what_a_user_may_have_got_wrong(
    empty: ObjectStore,
    uri: str,
    variables: dict[str, str],
    code: int,
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(object_store, "Patience", lambda: QUICK)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert main(["run", "--workspace", uri.format(store=empty.uri), "--stages", "double"]) == code
    printed = capsys.readouterr().err
    assert message in printed and "  -> " in printed and "Traceback" not in printed
    assert len(printed.splitlines()) <= 3


@pytest.mark.parametrize("code", ["InvalidAccessKeyId", "SignatureDoesNotMatch", "AccessDenied", "ExpiredToken"])
def test_wrong_credentials_are_told_at_once(
    empty: ObjectStore, bad_day: BadDay, code: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    body = f"<Error><Code>{code}</Code><Message>refused</Message></Error>".encode()

    def refuses(environ: object, start_response: object) -> list[bytes]:
        start_response("403 Forbidden", [("Content-Length", str(len(body)))])  # type: ignore[operator]
        return [body]

    monkeypatch.setattr(bad_day, "application", refuses)
    asked = len(bad_day.asked)
    assert main(["run", "--workspace", empty.uri, "--stages", "double"]) == 5
    printed = capsys.readouterr().err
    assert f"cannot list images/ in {empty.uri}: refused\n  -> check who may: AWS_ACCESS_KEY_ID" in printed
    assert len(bad_day.asked) - asked <= 3, "it is not tried again"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--scratch", "/proc/none"], "cannot write the scratch folder /proc/none"),
        (["--double-stage", "--puase 1"], "unknown flag --puase"),
    ],
)
def test_flags_are_refused_before_ray_is_started(
    empty: ObjectStore, fresh: Path, words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    picture = fresh / "images/000.png"
    empty.put(picture, "images/000.png")
    assert main(["run", "--workspace", empty.uri, "--stages", "double", *words]) in (2, 5)
    printed = capsys.readouterr().err
    assert message in printed and "  -> " in printed and "Traceback" not in printed
