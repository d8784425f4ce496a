from __future__ import annotations

import json

import pytest

from stage_kit.export.coco_files import JsonList


@pytest.mark.parametrize("rows", [[], [{"a": 1}], [{"a": 1}, {"b": "é"}]])
def test_a_list_written_row_by_row_is_json(rows: list[dict[str, object]]) -> None:
    written: list[bytes] = []
    result = JsonList(written.append)
    for row in rows:
        result.add(row)
    result.close()
    assert json.loads(b"".join(written)) == rows
