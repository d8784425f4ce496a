"""The command motion-stage: argv -> MotionOptions -> exit code."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, cast

from motion_stage import STAGE, __version__
from stage_kit.command.flags import FlagParser, add_talk_flags
from stage_kit.command.stage_main import stage_main

if TYPE_CHECKING:
    from motion_stage.make import Step
    from pose_contract.workspace import Workspace

# Steps that can be redone on their own. Another command than these has its own line in `main`.
STEP_COMMANDS = {
    "track": "who is who anew, and all that follows",
    "smooth": "the filters anew, and all that follows",
    "measure": "speeds and angles anew",
    "events": "strokes of rowers, or steps, anew",
    "plot": "the plots anew",
    "render": "the movie anew",
}
COMMANDS = {**STEP_COMMANDS, "strokes": "train, evaluate, or ask the classifier of tennis strokes"}
# Flags with a choice: the first is the default.
CHOICES: dict[str, tuple[tuple[str, ...], str]] = {
    "poses": (("hrn", "openpose"), "whose poses: output/ or openpose/"),
    "mode": (("centroid", "keypoints", "iou", "bytetrack"), "how people are followed"),
    "anchor": (("hip", "neck"), "what of a person is compared first"),
    "swaps": (("flag", "repair", "ignore"), "left and right exchanged"),
    "despike": (("residual", "hampel", "none"), "how outliers are found"),
    "fill": (("linear", "pchip"), "how gaps are filled"),
    "filter": (("savgol", "median", "butterworth", "oneeuro", "none"), "what smooths"),
    "speed": (("derivative", "window", "seed"), "the form of speeds"),
    "facing": (("auto", "left", "right"), "which way people look"),
    "sport": (("none", "rowing", "gait"), "whose events are told"),
    "hand": (("auto", "both", "left", "right"), "rowing: which wrists"),
    "drive": (("auto", "left", "right"), "rowing: where the hands go on the screen in the drive"),
    "walking": (("auto", "left", "right"), "gait: where people walk on the screen"),
}
# Where the stage that --poses names has put them.
POSES_IN: dict[str, dict[str, str]] = {"hrn": {}, "openpose": {"output": "openpose"}}
NUMBERS: dict[str, tuple[float, str]] = {
    "gate": (1.0, "torso lengths that somebody moves in a frame at most"),
    "grace": (1.0, "seconds that somebody may be away and keep the id"),
    "min_score": (0.3, "least score of a keypoint that counts"),
    "longest_gap": (0.2, "seconds of a gap that is filled"),
    "window": (0.4, "seconds of the Savitzky-Golay filter"),
    "cutoff_hz": (6.0, "of the Butterworth filter"),
    "min_cutoff_hz": (1.0, "of the One-Euro filter at rest"),
    "beta": (1.0, "of the One-Euro filter, for a torso length a second"),
    "fps": (0.0, "photos a second in sub-folders of numbered photos; 0: leave them out"),
    "slowmo": (1.0, "how much slower the video runs than life did"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the stage; see `stage_main` for the exit codes."""
    steps = {command: partial(_redo, command) for command in STEP_COMMANDS}
    return stage_main(parser(), _run, {**steps, "strokes": _strokes}, argv)


def _strokes(words: Sequence[str]) -> int:
    from motion_stage.strokes_command import main as strokes

    return strokes(words, partial(_redo, "strokes"))


def _redo(command: str, words: Sequence[str]) -> int:
    from stage_kit.command.exits import run_command

    args = parser(command).parse_args(words)
    return run_command(f"{STAGE} {command}", lambda: _run(args, words, cast("Step", command)))


def _run(args: argparse.Namespace, words: Sequence[str], step: Step | None = None) -> int:
    from dataclasses import fields

    from pose_contract.errors import UsageError
    from pose_contract.workspace import Workspace, default_root
    from stage_kit.command.settings import with_settings

    root = Path(args.workspace) if args.workspace else default_root()
    if not root.is_dir():
        raise UsageError(f"no workspace {root}", f"create it: make workspace WORKSPACE='{root}'")
    given = with_settings(parser(step or ""), words, root)
    workspace = Workspace(root, **POSES_IN[given.args.poses])
    if not _is_anything_there(workspace, given.args.fps):
        return 0  # at once: nothing heavy is imported
    from motion_stage.run import MotionOptions, measure_motion
    from motion_stage.settings import MotionSettings

    with given.blamed():
        settings = MotionSettings(**{field.name: getattr(given.args, field.name) for field in fields(MotionSettings)})
        run_flags = {name: getattr(given.args, name) for name in ("overwrite", "keep_going", "follow_links", "quiet")}
        options = MotionOptions(workspace, settings, step, differing=given.differing, **run_flags)
        return measure_motion(options)


def _is_anything_there(workspace: Workspace, fps: float) -> bool:
    """Whether there are poses of a video, or photos may be a sequence, or an earlier run's report is to be cleared."""
    poses = workspace.path(workspace.output) / "poses"
    return fps > 0 or workspace.report_path(STAGE).is_file() or next(poses.rglob("*.jsonl"), None) is not None


def parser(command: str = "") -> FlagParser:
    """The flags of a run, or of one step; those in the settings group may stand in pose.toml."""
    if command:
        parser = FlagParser(f"{STAGE} {command}", f"{COMMANDS[command][0].upper()}{COMMANDS[command][1:]}.")
    else:
        parser = FlagParser(STAGE, "Poses of videos in, their motion out.", COMMANDS, __version__)
    where = parser.add_argument_group("where")
    where.add_argument("--workspace", metavar="DIR", help="(default: ./custom, else ./pose-estimation)")
    add_settings(parser.add_settings_group("motion", "motion"))
    drawing = parser.add_settings_group("draw", "drawing, as hrn-stage has it", shared=True)
    blur = "make faces in the movie unrecognisable? (default: 0)"
    drawing.add_argument("--blur_faces", type=int, choices=(0, 1), default=0, help=blur)
    run = parser.add_argument_group("run")
    run.add_argument("--overwrite", action="store_true", help="make all anew, except a corrected tracks.json")
    run.add_argument("--keep_going", action="store_true", help="exit 0 even if some videos failed; the report tells")
    run.add_argument("--follow_links", action="store_true", help="write through links out of the workspace, too")
    add_talk_flags(run)
    return parser


def add_settings(group: argparse._ArgumentGroup) -> None:
    """All flags that pose.toml [motion] may hold."""
    group.add_argument(
        "--pick", default="all", metavar="WHO", help="all, largest, score, travel, first or id:NUMBER (default: all)"
    )
    for flag, (choices, text) in CHOICES.items():
        group.add_argument(f"--{flag}", choices=choices, default=choices[0], help=f"{text} (default: {choices[0]})")
    for flag, (default, text) in NUMBERS.items():
        group.add_argument(f"--{flag}", type=float, default=default, metavar="N", help=f"{text} (default: {default:g})")
    group.add_argument(
        "--hits", type=int, default=3, metavar="N", help="frames to be seen in to get an id (default: 3)"
    )
    for flag, text in (
        ("predict", "expect people where their speed leads"),
        ("seed_compat", "median and speeds as the article's code had them"),
        ("left_handed", "strokes: are the players left-handed?"),
    ):
        group.add_argument(f"--{flag}", type=int, choices=(0, 1), default=0, help=f"{text} (default: 0)")
    for flag, text in (("plots", "draw plots?"), ("movie", "draw the movie, as the last step?")):
        group.add_argument(f"--{flag}", type=int, choices=(0, 1), default=1, help=f"{text} (default: 1)")
    group.add_argument("--strokes_model", metavar="FILE", help="in the workspace, by `motion-stage strokes train`")
    group.add_argument(
        "--speed_of",
        default="hand,mid_hip",
        metavar="POINTS",
        help="keypoints, hand, mid_hip … (default: hand,mid_hip)",
    )
    group.add_argument("--scale", metavar="WHAT", help="height:1.80, segment:X1,Y1,X2,Y2=METRES, or a calibration file")


if __name__ == "__main__":
    sys.exit(main())
