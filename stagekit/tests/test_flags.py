"""Flags and commands: a mistake is answered with the nearest one that there is."""

from __future__ import annotations

from pathlib import Path

import pytest

from stage_kit.command.flags import FlagParser, nearest


def parser() -> FlagParser:
    result = FlagParser("serve-stage", "Tests.", {"train": "learn", "evaluate": "measure"})
    result.add_argument("-o", "--output", type=Path)
    result.add_argument("--conf_thres", type=float)
    result.add_argument("--thickness", type=int)
    result.add_argument("--flags", default="")
    result.add_argument("--needed", required=True)
    result.add_argument("words", nargs="*")
    return result


@pytest.mark.parametrize(
    ("word", "known", "expected"),
    [
        ("stauts", ["status", "weights"], "status"),
        ("max-people", ["max_people"], "max_people"),
        ("CONF", ["conf_thres"], "conf_thres"),
        ("zebra", ["status"], None),
        ("x", [], None),
    ],
)
def test_the_nearest_word(word: str, known: list[str], expected: str | None) -> None:
    assert nearest(word, known) == expected


@pytest.mark.parametrize(
    ("words", "reason", "remedy"),
    [
        (["--conf_thes", "0.3"], "unknown flag --conf_thes", "did you mean --conf_thres?"),
        (["--conf_thes=0.3"], "unknown flag --conf_thes", "did you mean --conf_thres?"),
        (["--conf"], "unknown flag --conf", "did you mean --conf_thres?"),
        (["--neded", "1"], "unknown flag --neded", "did you mean --needed?"),
        (["--needed", "1", "--zebra"], "unknown flag --zebra", "see serve-stage --help"),
        (["-x"], "unknown flag -x", "did you mean -h?"),
        (["--conf_thres", "much"], "argument --conf_thres: invalid float value: 'much'", "see serve-stage --help"),
        ([], "the following arguments are required: --needed", "see serve-stage --help"),
    ],
)
def test_what_is_refused(words: list[str], reason: str, remedy: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        parser().parse_args(words)
    assert caught.value.code == 2
    assert capsys.readouterr().err.startswith(f"serve-stage: {reason}\n  -> {remedy[:12]}")


@pytest.mark.parametrize(
    ("words", "field", "value"),
    [
        (["--thickness", "-1"], "thickness", -1),
        (["--flags", "--conf 1 --x"], "flags", "--conf 1 --x"),
        (["--flags=--overwrite"], "flags", "--overwrite"),
        (["-oout"], "output", Path("out")),
        (["a", "-o", "out", "b"], "words", ["a", "b"]),
        (["--", "--b"], "words", ["--b"]),
        ([], "words", []),
    ],
)
def test_what_is_understood(words: list[str], field: str, value: object) -> None:
    assert getattr(parser().parse_args(["--needed", "1", *words]), field) == value


def test_commands_are_named_and_told_from_other_words(capsys: pytest.CaptureFixture[str]) -> None:
    assert parser().command_of(["train", "--x"]) == "train"
    for words in ([], ["--train"], ["TRAIN.LR", "1"], ["photo.jpg"]):
        assert parser().command_of(words) is None
    with pytest.raises(SystemExit) as caught:
        parser().command_of(["trian"])
    assert caught.value.code == 2
    assert capsys.readouterr().err == "serve-stage: unknown command trian\n  -> did you mean train?\n"
    assert "train     learn\n" in parser().format_help()
