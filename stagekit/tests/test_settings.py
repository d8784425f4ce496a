"""pose.toml: defaults < file < flags, typed as the flags are, and every mistake is named."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pose_contract.errors import ConfigError, UsageError
from stage_kit.command.flags import FlagParser
from stage_kit.command.settings import read_settings, with_settings


def parser() -> FlagParser:
    result = FlagParser("serve-stage", "Tests.")
    result.add_argument("--workspace")
    group = result.add_settings_group("serve", "network")
    group.add_argument("--conf_thres", type=float)
    group.add_argument("--max_people", type=int, default=0)
    group.add_argument("--engine", choices=("auto", "fast"), default="auto")
    group.add_argument("--cfg", type=Path)
    group.add_argument("--name", default="x")
    group.add_argument("--deep", action="store_true")
    result.add_settings_group("paint", "drawing").add_argument("--circle", type=int, choices=(0, 1), default=1)
    return result


def write(root: Path, text: str | bytes) -> Path:
    (root / "pose.toml").write_bytes(text if isinstance(text, bytes) else text.encode())
    return root


@pytest.mark.parametrize(
    ("toml", "words", "key", "value", "differing"),
    [
        ("", [], "max_people", 0, ""),
        ("[serve]\nmax_people = 2", [], "max_people", 2, "max_people 2 (pose.toml)"),
        ("[serve]\nmax_people = 2", ["--max_people", "3"], "max_people", 3, "max_people 3"),
        ("[serve]\nmax_people = 2", ["--max_people", "0"], "max_people", 0, ""),
        ("[serve]\nmax_people = 0", [], "max_people", 0, ""),
        ("[serve]\nconf_thres = 1", [], "conf_thres", 1.0, "conf_thres 1.0 (pose.toml)"),
        ("[serve]\nengine = 'fast'", [], "engine", "fast", "engine fast (pose.toml)"),
        ("[serve]\nname = 'y'", [], "name", "y", "name y (pose.toml)"),
        ("[serve]\ndeep = true", [], "deep", True, "deep True (pose.toml)"),
        ("[paint]\ncircle = false", [], "circle", 0, "circle 0 (pose.toml)"),
        ("[paint]\ncircle = 0", ["--circle", "1"], "circle", 1, ""),
        (
            "\ufeff[paint]\ncircle = 0",
            ["--conf_thres", ".3"],
            "conf_thres",
            0.3,
            "conf_thres 0.3, circle 0 (pose.toml)",
        ),
    ],
)
def test_defaults_file_flags(
    tmp_path: Path, toml: str, words: list[str], key: str, value: object, differing: str
) -> None:
    given = with_settings(parser(), words, write(tmp_path, toml))
    found = getattr(given.args, key)
    assert (found, type(found)) == (value, type(value))
    assert given.differing == differing


def test_without_a_file_it_is_the_flags_alone_and_the_parser_stays_as_it_was(tmp_path: Path) -> None:
    ours = parser()
    assert with_settings(ours, [], tmp_path).args == ours.parse_args([])


def test_a_file_is_named_relative_to_the_workspace(tmp_path: Path) -> None:
    assert with_settings(parser(), [], write(tmp_path, "[serve]\ncfg = 'my.yaml'")).args.cfg == tmp_path / "my.yaml"
    assert with_settings(parser(), [], write(tmp_path, "[serve]\ncfg = '/my.yaml'")).args.cfg == Path("/my.yaml")


@pytest.mark.parametrize(
    ("toml", "reason", "remedy"),
    [
        ("[serv]", "unknown section [serv]", "did you mean [serve]?"),
        ("[zzz]", "unknown section [zzz]", "known are ["),
        ("[serve]\nconf_tres = 0.3", "unknown key conf_tres in [serve]", "did you mean conf_thres?"),
        ("[serve]\ncircle = 0", "unknown key circle in [serve]", "it belongs into [paint]"),
        ("[serve]\nqqq = 0", "unknown key qqq in [serve]", "known are conf_thres, max_people"),
        ("max_people = 3", "max_people stands in no section", "put it under [serve]"),
        ("qqq = 3", "qqq stands in no section", "put it under one of"),
        ("[serve]\nmax_people = 2.5", "[serve] max_people: expected a whole number, got 2.5", "correct it"),
        ("[serve]\nmax_people = true", "[serve] max_people: expected a whole number, got True", "correct it"),
        ("[serve]\nconf_thres = '0.3'", "[serve] conf_thres: expected a number, got '0.3'", "correct it"),
        ("[serve]\nconf_thres = {a = 1}", "[serve] conf_thres: expected a number, got {'a': 1}", "correct it"),
        ("[serve]\nengine = 'slow'", "[serve] engine: expected 'auto' or 'fast', got 'slow'", "correct it"),
        ("[serve]\ncfg = 3", "[serve] cfg: expected text in quotes, got 3", "correct it"),
        ("[serve]\nname = ''", "[serve] name: expected text in quotes, got ''", "correct it"),
        ("[serve]\ndeep = 1", "[serve] deep: expected true or false, got 1", "correct it"),
        ("[paint]\ncircle = 2", "[paint] circle: expected true or false, got 2", "correct it"),
        ("[serve]\nengine = fast", "is no valid TOML: Invalid value (at line 2, column 10)", "correct it"),
        ("[serve]\ndeep = true\ndeep = true", "is no valid TOML: ", "correct it"),
        (b"\xff\xfe", "is not UTF-8 text (byte 0)", "save the file as UTF-8"),
    ],
)
def test_mistakes_are_named_with_what_helps(tmp_path: Path, toml: str | bytes, reason: str, remedy: str) -> None:
    with pytest.raises(ConfigError) as caught:
        with_settings(parser(), [], write(tmp_path, toml))
    assert caught.value.exit_code == 4
    assert caught.value.reason.startswith(f"{tmp_path / 'pose.toml'}: {reason}")
    assert caught.value.remedy.startswith(remedy)


def test_sections_of_stages_that_are_not_installed_here_are_left_alone(tmp_path: Path) -> None:
    assert with_settings(parser(), [], write(tmp_path, "[draw]\nwhatever = 1")).differing == ""


def test_a_value_that_the_options_refuse_is_blamed_on_the_file_if_it_stands_there(tmp_path: Path) -> None:
    given = with_settings(parser(), ["--conf_thres", "7"], write(tmp_path, "[serve]\nmax_people = -1\nconf_thres = 8"))
    with pytest.raises(ConfigError) as caught, given.blamed():
        raise UsageError("--max_people: expected 0 or more, got -1", "see serve-stage --help")
    assert caught.value.reason == f"{tmp_path / 'pose.toml'}: [serve] max_people: expected 0 or more, got -1"
    with pytest.raises(UsageError), given.blamed():
        raise UsageError("--conf_thres: expected up to 1, got 7", "see serve-stage --help")
    with pytest.raises(UsageError), given.blamed():
        raise UsageError("nothing to do", "put photos in")


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    ("toml", "expected"),
    [
        ("a = " + "[" * 60_000, "a line of more than 2,000 letters, the limit"),
        ("a = " + "[\n" * 30_000, "is no valid TOML"),
        ("a" + ".a" * 30_000 + " = 1", "a line of more than 2,000 letters, the limit"),
        ("#" * 70_000, "cannot be read: it has more than 65,536 bytes, the limit"),
        ("[serve]\nmax_people = " + "9" * 1900, "[serve] max_people: a number beyond 9,007,199,254,740,992, the limit"),
        ("[serve]\nconf_thres = " + "9" * 400, "[serve] conf_thres: a number beyond"),
        ("[serve]\nconf_thres = -inf", "[serve] conf_thres: a number beyond"),
        ("[serve]\nmax_people = 0x" + "f" * 1900, "[serve] max_people: a number beyond"),
        ("[serve]\nname = 0x" + "f" * 1900, "[serve] name: a number beyond"),
    ],
)
def test_a_bomb_is_refused_with_the_limit(tmp_path: Path, toml: str, expected: str) -> None:
    with pytest.raises(ConfigError) as caught:
        with_settings(parser(), [], write(tmp_path, toml))
    assert expected in caught.value.reason and len(caught.value.reason) < 500


@pytest.mark.timeout(20)
def test_a_pipe_is_no_pose_toml(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pose.toml")
    with pytest.raises(ConfigError, match="a pipe or a device, not a file"):
        with_settings(parser(), [], tmp_path)


def test_of_a_shared_section_other_keys_are_another_stage_s(tmp_path: Path) -> None:
    (tmp_path / "pose.toml").write_text("[draw]\nblur_faces = true\nline = false\n")
    taking = FlagParser("b", "B.")
    taking.add_settings_group("draw", "drawing", shared=True).add_argument("--blur_faces", type=int, choices=(0, 1))
    assert read_settings(tmp_path / "pose.toml", taking) == {"blur_faces": ("draw", 1)}
    strict = FlagParser("a", "A.")
    strict.add_settings_group("draw", "drawing").add_argument("--blur_faces", type=int, choices=(0, 1))
    with pytest.raises(ConfigError, match="unknown key line"):
        read_settings(tmp_path / "pose.toml", strict)
