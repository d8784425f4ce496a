from __future__ import annotations

import json

import pytest

from stage_kit.export.aggregates import json_list


@pytest.mark.parametrize("rows", [[], [{"a": 1}], [{"a": 1}, {"b": "é"}]])
def test_a_list_written_row_by_row_is_json(rows: list[dict[str, object]]) -> None:
    assert json.loads("".join(json_list(rows))) == rows
