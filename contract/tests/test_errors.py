from __future__ import annotations

import pickle

import pytest

from pose_contract.errors import ConfigError, ImageError, StageError, UsageError, WeightsError, WorkspaceError


@pytest.mark.parametrize("kind", [ConfigError, ImageError, UsageError, WeightsError, WorkspaceError])
def test_an_error_survives_the_way_from_another_process(kind: type[StageError]) -> None:
    there = kind("what is wrong", "what helps")
    here = pickle.loads(pickle.dumps(there))
    assert type(here) is kind
    assert (here.reason, here.remedy, str(here)) == ("what is wrong", "what helps", str(there))
