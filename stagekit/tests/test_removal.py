from __future__ import annotations

from pathlib import Path

from pose_contract.storage import write_bytes
from stage_kit.runs.removal import remove_outputs, sweep_temporaries


def test_what_a_killed_run_left_is_swept_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    (tmp_path / ".tmp-folder").mkdir()
    for name in (".tmp-0123", "sub/.tmp-4567", "keep.json", ".hidden"):
        (tmp_path / name).write_bytes(b"x")
    assert sweep_temporaries(tmp_path) == 2
    assert sorted(path.name for path in tmp_path.rglob("*") if path.is_file()) == [".hidden", "keep.json"]
    assert sweep_temporaries(tmp_path / "missing") == 0


def test_removing_outputs_takes_empty_folders_along(tmp_path: Path) -> None:
    for name in ("a/b/one", "a/two"):
        write_bytes(tmp_path / name, b"x")
    remove_outputs([tmp_path / "a/b/one", tmp_path / "a/b/gone"], tmp_path)
    assert not (tmp_path / "a/b").exists()
    assert (tmp_path / "a/two").exists()
    remove_outputs([tmp_path / "a/two"], tmp_path)
    assert tmp_path.exists() and list(tmp_path.iterdir()) == []
