from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest

from pose_contract.errors import UsageError
from stage_kit.networks.choices import require_choices
from stage_kit.networks.loaded import LoadedNetwork, load_without_samples
from stage_kit.networks.plan import NetworkPlan


@dataclass(frozen=True)
class Idle:
    name: str = "fake"
    device: str = "cpu"
    precision: str = "fp32"
    fixed_batch: bool = True
    at_once: tuple[int, int] = (1, 1)


def plan(batches_at_once: int) -> NetworkPlan[Idle]:
    return NetworkPlan(
        model="small",
        weights_sha256="ab" * 32,
        engine="fake",
        precision="fp32",
        why="for a test",
        load=lambda _samples: Idle(),
        batches_at_once=batches_at_once,
    )


@pytest.mark.parametrize(("batches_at_once", "most"), [(1, 1), (2, 4)])
def test_what_threads_cannot_share_is_asked_by_one_at_a_time(batches_at_once: int, most: int) -> None:
    """Also of two networks: what such an engine sets may be the process's."""
    loaded = [LoadedNetwork(plan(batches_at_once), Idle()) for _ in range(2)]
    inside, seen, lock = 0, [], threading.Lock()

    def ask(number: int) -> None:
        nonlocal inside
        with loaded[number % 2].turn():
            with lock:
                inside += 1
                seen.append(inside)
            time.sleep(0.05)
            with lock:
                inside -= 1

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(ask, range(8)))
    assert max(seen) == 1 if most == 1 else 1 < max(seen) <= most


def test_it_says_what_it_is() -> None:
    loaded = LoadedNetwork(plan(1), Idle())
    assert repr(loaded) == "LoadedNetwork(small, fake fp32 on cpu)"
    assert (loaded.model, loaded.engine, loaded.precision, loaded.device) == ("small", "fake", "fp32", "cpu")
    assert loaded.why == "for a test"


def test_int8_that_no_run_has_calibrated_is_refused() -> None:
    def load(samples: Callable[[], object]) -> Idle:
        samples()
        return Idle()

    with pytest.raises(UsageError, match="precision int8 is calibrated on a run's pictures") as caught:
        load_without_samples(load, "some-stage")
    assert "some-stage --precision int8" in caught.value.remedy
    assert load_without_samples(lambda _samples: Idle(), "some-stage") == Idle()


def test_choices_that_there_are_not_are_refused_with_the_nearest() -> None:
    good = {"weights": "lite", "engine": "opencv", "precision": "bf16", "device": "cpu"}
    engines = ("auto", "openvino", "opencv")
    require_choices(engines, **good)
    for name, value, remedy in (
        ("engine", "open_vino", "'openvino'"),
        ("precision", "fp-32", "'fp32'"),
        ("weights", "x", "one of these"),
        ("device", "gpu", "'cpu'"),
    ):
        with pytest.raises(UsageError, match=f"{name}: expected auto, .* or .*, got '{value}'") as caught:
            require_choices(engines, **good | {name: value})
        assert remedy in caught.value.remedy


def test_lazy_names_are_imported_when_they_are_asked_for() -> None:
    script = """
import sys
from stage_kit.lazy import lazy_exports
get, listed = lazy_exports("package", "json.decoder", ("JSONDecoder",))
assert listed() == ["JSONDecoder"] and "json.decoder" not in sys.modules
assert get("JSONDecoder").__name__ == "JSONDecoder"
try:
    get("scanstring")
except AttributeError as error:
    assert str(error) == "module 'package' has no attribute 'scanstring'", error
else:
    raise SystemExit(1)
"""
    subprocess.run([sys.executable, "-c", script], check=True)
