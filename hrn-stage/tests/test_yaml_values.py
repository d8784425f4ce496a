"""YAML of a stranger: refused within a second, with the limit named."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import yaml

from hrn_stage.config import read_config
from hrn_stage.yaml_values import MOST_BYTES, MOST_DEEP, MOST_DIGITS, MOST_VALUES, yaml_value
from pose_contract.errors import ConfigError

# Each line stands for ten of the one before it: a billion values.
LAUGHS = "".join(f"a{n}: &a{n} [{','.join([f'*a{n - 1}' if n else 'ha'] * 10)}]\n" for n in range(9))
BOMBS = {
    "aliases": (LAUGHS, f"more than {MOST_VALUES:,} values, the limit"),
    "merged": ("a0: &a0 {x: 1}\n" + "".join(f"a{n}: &a{n} {{<<: [{','.join([f'*a{n - 1}'] * 50)}]}}\n"
               for n in range(1, 9)), "values, the limit"),
    "of itself": ("a: &a [*a]", r"\*a stands for what it is part of"),
    "of nothing": ("a: *nothing", r"\*nothing stands for what it is part of, or for nothing"),
    "brackets": ("a: " + "[" * 50_000, f"line 1, column .*nested more than {MOST_DEEP} deep, the limit"),
    "braces": ("{a: " * 50_000, "nested more than"),
    "dashes": ("- " * 50_000 + "a", "nested more than"),
    "a list": ("a: [" + "1," * 200_000 + "1]", f"more than {MOST_VALUES:,} values, the limit"),
    "a long file": ("a: [" + "1," * MOST_BYTES + "1]", f"more than {MOST_BYTES:,} bytes, the limit"),
    "digits": ("a: " + "9" * 5000, f"number of more than {MOST_DIGITS} digits, the limit"),
    "hexadecimal": ("a: 0x" + "f" * 500_000, "digits, the limit"),
    "base 60": ("a: 1" + ":10" * 100_000, "digits, the limit"),
    "a quoted number": ('a: !!int "' + "9" * 5000 + '"', "digits, the limit"),
    "as a key": ("? " + "9" * 5000 + "\n: 1", "digits, the limit"),
}  # fmt: skip


@pytest.mark.parametrize("name", BOMBS)
@pytest.mark.timeout(20)
def test_a_bomb_is_refused(name: str, tmp_path: Path) -> None:
    text, expected = BOMBS[name]
    path = tmp_path / "a.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=expected) as caught:
        read_config(path)
    assert str(path) in caught.value.reason and len(caught.value.reason) < 500


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("a: &b [1, 2]\nc: *b", {"a": [1, 2], "c": [1, 2]}),
        ("a: &b {x: 1}\nc: {<<: *b, y: 2}", {"a": {"x": 1}, "c": {"x": 1, "y": 2}}),
        ("a: " + "word " * 100, {"a": ("word " * 100).strip()}),
        ("a: '" + "1" * 200 + "'", {"a": "1" * 200}),
        ("[" * 20 + "]" * 20, eval("[" * 20 + "]" * 20)),
    ],
)
def test_what_is_small_is_read(text: str, value: object) -> None:
    assert yaml_value(text) == value


def test_the_command_line_has_the_same_limits(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("{}")
    with pytest.raises(ConfigError, match=r"command line: DATASET.SCALE_FACTOR: .* is not a value: .*nested") as caught:
        read_config(path, ["DATASET.SCALE_FACTOR", "[" * 50_000])
    assert len(caught.value.reason) < 300
    with pytest.raises(yaml.YAMLError, match="letters, the limit"):
        yaml_value(" " * (MOST_BYTES + 1))


@pytest.mark.timeout(20)
def test_a_pipe_or_a_device_is_no_yaml(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.yaml")
    for path in (tmp_path / "pipe.yaml", Path("/dev/zero")):
        with pytest.raises(ConfigError, match="cannot be read: it is a folder, a pipe or a device, not a file"):
            read_config(path)


def test_a_gigabyte_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "a.yaml").open("wb") as file:
        file.truncate(1 << 30)
    with pytest.raises(ConfigError, match="bytes, the limit"):
        read_config(tmp_path / "a.yaml")
