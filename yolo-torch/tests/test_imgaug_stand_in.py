"""pytorchyolo's models, loss and weights reader run without imgaug."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import pytest

from yolo_torch.imgaug_stand_in import imgaug_stood_in


def test_what_is_imported_of_pytorchyolo_needs_no_imgaug(tmp_path: Path) -> None:
    """In a process of its own, where the first imgaug on the path fails, as the real one does beside numpy 2."""
    pytest.importorskip("pytorchyolo", reason="PyTorch and pytorchyolo are not installed: make setup TORCH=1")
    (tmp_path / "imgaug.py").write_text("raise ImportError")
    script = (
        "import sys\n"
        f"sys.path.insert(0, {str(tmp_path)!r})\n"
        "from yolo_torch.imgaug_stand_in import imgaug_stood_in\n"
        "with imgaug_stood_in():\n"
        "    import pytorchyolo.models, pytorchyolo.utils.loss\n"
        "pytorchyolo.utils.utils.provide_determinism(1)\n"
        "print([name for name in ('imgaug', 'skimage', 'matplotlib') if name in sys.modules])"
    )
    finished = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stderr
    assert finished.stdout.strip() == "[]"


def test_afterwards_the_process_has_the_imgaug_that_it_had(monkeypatch: pytest.MonkeyPatch) -> None:
    theirs = ModuleType("imgaug")
    monkeypatch.setitem(sys.modules, "imgaug", theirs)
    with imgaug_stood_in():
        assert importlib.import_module("imgaug") is not theirs
    assert sys.modules["imgaug"] is theirs
    monkeypatch.delitem(sys.modules, "imgaug")
    with pytest.raises(ZeroDivisionError), imgaug_stood_in():
        raise ZeroDivisionError
    assert "imgaug" not in sys.modules
