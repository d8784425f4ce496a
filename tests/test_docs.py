"""What the documentation promises of itself: its size, links that lead somewhere, commands that exist."""

from __future__ import annotations

import csv
import functools
import re
import subprocess
from importlib.util import find_spec
from pathlib import Path

import pytest
from conftest import REPO, run

from pose_contract.skeletons import MPII16
from pose_contract.tables import KEYPOINT_COLUMNS

PAGES = [
    REPO / name
    for name in subprocess.check_output(
        ["git", "-C", str(REPO), "ls-files", "-co", "--exclude-standard", "*.md"], text=True
    ).splitlines()
]
# Cards and recipes tell of one training; they are no pages of the documentation.
WIDE = {"models", "recipes"}
ADRS = sorted((REPO / "docs/adr").glob("*.md"))
# What the original called the two stages.
COMMANDS = {
    "pose": "pose",
    "pose-cluster": "pose-cluster",
    "yolo-stage": "yolo-stage",
    "oneoffcoder/dl-pose-yolo": "yolo-stage",
    "hrn-stage": "hrn-stage",
    "oneoffcoder/dl-pose-hrn": "hrn-stage",
    "motion-stage": "motion-stage",
    "openpose-stage": "openpose-stage",
}
# It comes with yolo-torch, without which its help cannot tell its flags.
NOT_HERE = set() if find_spec("yolo_torch") else {("yolo-stage", "train")}
MAKEFILE = (REPO / "Makefile").read_text(encoding="utf-8")
TARGETS = set(re.findall(r"^([a-z-]+):.*##", MAKEFILE, re.MULTILINE))
# Those of compose.yaml and of docker/Dockerfile reach them through the environment.
VARIABLES = {"FLAVOUR", "BASE_IMAGE", *re.findall(r"^([A-Z][0-9A-Z_]*) [:?]?=", MAKEFILE, re.MULTILINE)}


def by_name(path: Path) -> str:
    return str(path.relative_to(REPO))


def commands_in(page: str) -> list[str]:
    """The commands in a page's code: of each line of a block, and of what stands between backticks in the text.

    Lines that end with a backslash are one; comments and the folder of the commands are left out.
    """
    fenced = re.compile(r"^```[a-z]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
    blocks = ["\n".join(re.findall(r"^    (.*)$", page, re.MULTILINE)), *fenced.findall(page)]
    lines = [line for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    lines += re.findall(r"`([^`\n]+)`", fenced.sub("", page))
    return [re.sub(r"\s+#.*|\.venv/bin/", "", line).strip() for line in lines]


def wrong_with(command: str) -> list[str]:
    """What in a command does not exist: a make target or variable, a subcommand, a flag, a key of the YAML."""
    wrong: list[str] = []
    for part in re.split(r"&&|;", command):
        words = part.split()
        if words[:1] == ["make"]:
            given = re.findall(r"(?<!\S)([A-Z][0-9A-Z_]*)=", part)
            wrong += [name for name in given if name not in VARIABLES]
            first = re.sub(r"[A-Z][0-9A-Z_]*=('[^']*'|\"[^\"]*\"|\S*)", "", part).split()[1:]
            wrong += [f"make {target}" for target in first if re.match("[a-z]", target) and target not in TARGETS]
        for variable, stage in (
            ("YOLO", "yolo-stage"),
            ("HRN", "hrn-stage"),
            ("MOTION", "motion-stage"),
            ("OPENPOSE", "openpose-stage"),
        ):
            for flags in re.findall(rf"(?<!\S){variable}='([^']*)'", part):
                wrong += wrong_flags(stage, flags)
        at = next((index for index, word in enumerate(words) if word in COMMANDS), None)
        if at is not None and words[0] in {*COMMANDS, "docker"} and words[:2] != ["docker", "tag"]:
            wrong += wrong_flags(COMMANDS[words[at]], " ".join(words[at + 1 :]))
    return wrong


def wrong_flags(command: str, text: str) -> list[str]:
    """Of the words behind a command; what stands behind a flag of `pose run` in quotes belongs to a stage."""
    wrong: list[str] = []
    for stage, flags in re.findall(r"--([a-z]+-stage)='([^']*)'", text):
        wrong += wrong_flags(stage, flags)
    text = re.sub(r"='[^']*'", "", text)
    words = text.split()
    subcommand = words[0] if words and re.fullmatch("[a-z]+", words[0]) else ""
    if (command, subcommand) in NOT_HERE:
        return wrong
    known = help_of(command, subcommand)
    if not known:
        return [*wrong, f"{command} {subcommand}"]
    wrong += [flag for flag in re.findall(r"(?<!\S)(--?[A-Za-z_-]+)", text) if flag not in known]
    keys = (REPO / "hrn-stage/src/hrn_stage/config_keys.py").read_text(encoding="utf-8")
    for key in re.findall(r"(?<!\S)[A-Z]+(?:\.[A-Z_]+)+(?!\S)", text):
        wrong += [] if re.search(rf"^    {key.split('.')[-1]}: ", keys, re.MULTILINE) else [key]
    return wrong


@functools.cache
def help_of(command: str, subcommand: str) -> frozenset[str]:
    """The flags that a command's help names; none where there is no such command."""
    finished = run([str(REPO / ".venv/bin" / command), *([subcommand] if subcommand else []), "--help"])
    if finished.returncode or not finished.stdout.startswith(f"usage: {command} {subcommand}".rstrip()):
        return frozenset()
    return frozenset(re.findall(r"(?<![\w-])--?[A-Za-z][A-Za-z_-]*", finished.stdout))


def slugs_of(page: str) -> set[str]:
    """What a link's # may name: headings as GitHub spells them."""
    headings = re.findall(r"^#+ (.*)$", page, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def broken_links(path: Path, page: str) -> list[str]:
    """Relative links, of pictures too, to files that are not there or headings that the page lacks."""
    broken = []
    for link in re.findall(r"\]\(([^)\s]+)\)", page):
        if re.match("[a-z]+:", link):
            continue
        file, _, anchor = link.partition("#")
        target = (path.parent / file).resolve() if file else path
        if not target.exists() or (anchor and anchor not in slugs_of(target.read_text(encoding="utf-8"))):
            broken.append(link)
    return broken


@pytest.mark.parametrize(
    ("page", "wrong"),
    [
        ("", []),
        ("    make demo\n", []),
        ("    make demp\n", ["make demp"]),
        ("Say `make yolo YOLO='--conf_thres 0.2'`.", []),
        ("Say `make yolo YOLO='--conf_thresh 0.2'`.", ["--conf_thresh"]),
        ("    make build FLAVOR=cpu\n", ["FLAVOR"]),
        ("    make setup && .venv/bin/pose run serve.jpg -o poses    # a comment --nothing\n", []),
        ("    pose runs serve.jpg\n", ["pose runs"]),
        ("    pose run --yolo-stage='--conf_thres 0.2 --max_peopel 1'\n", ["--max_peopel"]),
        ("    hrn-stage TEST.MODEL_FILE my.pth TEST.MODEL_FIEL x\n", ["TEST.MODEL_FIEL"]),
        ("    yolo-stage --workspace a \\\n        --nms_tres 1\n", ["--nms_tres"]),
        ("```bash\nyolo-stage evaluate --valid a.json --validd\n```\n", ["--validd"]),
        ("    docker run -it --gpus=all oneoffcoder/dl-pose-hrn \\\n        --circle 0 --lable 0\n", ["--lable"]),
        ("    docker tag pose/hrn-stage oneoffcoder/dl-pose-hrn\n", []),
    ],
)
def test_a_command_that_does_not_exist_is_found(page: str, wrong: list[str]) -> None:
    assert [fault for command in commands_in(page) for fault in wrong_with(command)] == wrong


@pytest.mark.parametrize("path", PAGES, ids=by_name)
def test_commands_exist_and_links_lead_somewhere(path: Path) -> None:
    page = path.read_text(encoding="utf-8")
    assert [fault for command in commands_in(page) for fault in wrong_with(command)] == []
    assert broken_links(path, page) == []


@pytest.mark.parametrize(
    ("page", "broken"),
    [
        ("", []),
        ("[a](README.md) [b](https://example.org/none) ![c](docs/none.jpg)", ["docs/none.jpg"]),
        ("# Two words, more\n[a](#two-words-more) [b](#two-words)", ["#two-words"]),
        ("[a](docs/photos.md#exit-codes) [b](docs/photos.md#none)", ["docs/photos.md#none"]),
    ],
)
def test_a_link_to_nowhere_is_found(tmp_path: Path, page: str, broken: list[str]) -> None:
    (tmp_path / "docs").symlink_to(REPO / "docs")
    path = tmp_path / "README.md"
    path.write_text(page)
    assert broken_links(path, page) == broken


def test_the_readme_is_short() -> None:
    lines = (REPO / "README.md").read_text(encoding="utf-8").splitlines()
    assert len(lines) <= 120
    assert [line for line in lines if len(line) > 100] == []


@pytest.mark.parametrize("path", [path for path in PAGES if not WIDE & {*path.parts}], ids=by_name)
def test_lines_end_before_column_110(path: Path) -> None:
    assert [line for line in path.read_text(encoding="utf-8").splitlines() if len(line) >= 110] == []


def test_the_readme_shows_ten_lines_of_a_real_table() -> None:
    (block,) = re.findall(r"^```csv\n(.*?)^```$", (REPO / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    header, *rows = csv.reader(block.splitlines())
    assert header == list(KEYPOINT_COLUMNS)
    assert [row[2] for row in rows] == list(MPII16.keypoints[:10])
    assert all(0 <= float(row[5]) <= 1 for row in rows)


def test_the_readme_links_every_page() -> None:
    readme = (REPO / "README.md").read_text(encoding="utf-8")
    for page in (REPO / "docs").glob("*.*"):
        assert f"(docs/{page.name})" in readme, page


@pytest.mark.parametrize("path", ADRS, ids=lambda path: path.stem)
def test_every_decision_has_its_parts(path: Path) -> None:
    page = path.read_text(encoding="utf-8")
    assert page.startswith(f"# ADR {int(path.stem[:4])}: ")
    assert re.search(r"^Date: \d{4}-\d\d-\d\d\b.*?\. Status: \w", page, re.MULTILINE)
    assert re.findall("^## (.*)$", page, re.MULTILINE) == ["Context", "Decision", "Alternatives", "Consequences"]
    for part in re.split("^## .*$", page, flags=re.MULTILINE):
        assert part.strip(), "an empty part"


def test_decisions_are_numbered_in_a_row_and_those_that_are_named_exist() -> None:
    assert [int(path.stem[:4]) for path in ADRS] == list(range(1, len(ADRS) + 1))
    for path in PAGES:
        named = {int(number) for number in re.findall(r"\bADR\s+(\d+)", path.read_text(encoding="utf-8"))}
        assert named <= set(range(1, len(ADRS) + 1)), path
