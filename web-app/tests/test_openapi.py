"""The API's description: a valid one, and the one in docs/."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from pose_contract.errors import StageError
from web_app.watch.cli import run

COMMITTED = Path(__file__).parents[2] / "docs/schema/web-app.openapi.json"


@pytest.fixture
def described(tmp_path: Path) -> dict[str, Any]:
    assert run(["openapi", str(tmp_path / "api.json")]) == 0
    found: dict[str, Any] = json.loads((tmp_path / "api.json").read_text(encoding="utf-8"))
    return found


def test_the_description_in_docs_is_the_apis(described: dict[str, Any]) -> None:
    assert described == json.loads(COMMITTED.read_text(encoding="utf-8")), "run `make schema`"


def test_it_is_valid_and_describes_every_question(described: dict[str, Any]) -> None:
    definitions = pytest.importorskip("schemathesis.specs.openapi.definitions", reason="schemathesis is not installed")
    assert described["openapi"].startswith("3.1.")
    definitions.OPENAPI_31_VALIDATOR.validate(described)
    for path, operations in described["paths"].items():
        assert path.startswith("/api/v1/")
        for method, operation in operations.items():
            assert operation["description"], f"{method} {path}"
            assert set(operation["responses"]) >= {"200"}


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StageError) as told:
        run(["openapi", str(tmp_path / "file" / "api.json")])
    assert told.value.remedy
