"""The command `motion-stage strokes train|evaluate|predict`: labels and tracks -> a model, or its measure."""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from dataclasses import fields
from pathlib import Path

from motion_stage import STAGE
from motion_stage.motion import motion_of
from motion_stage.settings import OF_MOVIE, MotionSettings
from motion_stage.sources import Source, sources_in
from motion_stage.strokes.evaluation import evaluate
from motion_stage.strokes.labels import Labels, read_labels
from motion_stage.strokes.model import require_lightgbm, train, write_model
from motion_stage.strokes.samples import Samples, joined, samples_of, with_idle
from motion_stage.track_file import FILE, TrackFile, loaded
from pose_contract.errors import DONE, ImageError, UsageError
from pose_contract.storage import read_record, write_bytes
from pose_contract.workspace import Workspace, default_root
from stage_kit.command.exits import run_command
from stage_kit.command.flags import FlagParser
from stage_kit.command.settings import with_settings

COMMANDS = {
    "train": "a model of all labelled strokes: --labels CSV, --output FILE",
    "evaluate": "how well strokes of recordings left out are told: --labels CSV, --output FILE",
    "predict": "strokes.csv anew, by the model that --strokes_model names",
}
DEFAULT_MODEL = "strokes.json"


def main(words: Sequence[str], predict: Callable[[Sequence[str]], int]) -> int:
    """Runs one of the three; `predict` redoes the step `strokes`."""
    command = words[0] if words else ""
    if command == "predict":
        return predict(words[1:])
    if command not in COMMANDS:
        helped = FlagParser(f"{STAGE} strokes", "Tells tennis strokes, or whatever labels name.", COMMANDS)
        helped.command_of(words)
        helped.parse_args(words)
        helped.error(f"expected {', '.join(COMMANDS)}")
    args = _parser(command).parse_args(words[1:])
    return run_command(f"{STAGE} strokes {command}", lambda: _train_or_evaluate(command, args, words[1:]))


def _parser(command: str) -> FlagParser:
    from motion_stage.cli import add_settings

    parser = FlagParser(f"{STAGE} strokes {command}", f"Strokes: {COMMANDS[command].split(':')[0]}.")
    parser.add_argument("--workspace", metavar="DIR", help="(default: ./custom, else ./pose-estimation)")
    text = "video, start_seconds, end_seconds, class; track, recording and left_handed where they matter"
    parser.add_argument("--labels", type=Path, required=True, metavar="CSV", help=text)
    if command == "train":
        where = f"where the model goes (default: {DEFAULT_MODEL} in the workspace)"
        parser.add_argument("--output", type=Path, metavar="FILE", help=where)
    else:
        parser.add_argument("--output", type=Path, metavar="FILE", help="write all numbers as JSON")
    add_settings(parser.add_settings_group("motion", "motion"))
    return parser


def _train_or_evaluate(command: str, args: argparse.Namespace, words: Sequence[str]) -> int:
    require_lightgbm()  # before the tracks are read, which may take a while
    root = Path(args.workspace) if args.workspace else default_root()
    given = with_settings(_parser(command), words, root)
    with given.blamed():
        names = [field.name for field in fields(MotionSettings) if field.name not in OF_MOVIE]
        settings = MotionSettings(**{name: getattr(given.args, name) for name in names}, movie=0)
    samples = labelled_samples(Workspace(root), settings, read_labels(args.labels))
    if command == "evaluate":
        measured = evaluate(samples)
        print(measured.as_text())
        if args.output is not None:
            write_bytes(args.output, json.dumps(measured.as_json(), indent=1).encode())
        return DONE
    model = train(samples)
    path = args.output or root / DEFAULT_MODEL
    write_model(path, model)
    print(f"{path}: {', '.join(f'{count} {name}' for name, count in model.strokes.items())}")
    print("use it: strokes_model in pose.toml [motion]; measure it: motion-stage strokes evaluate")
    return DONE


def labelled_samples(workspace: Workspace, settings: MotionSettings, labels: Sequence[Labels]) -> Samples:
    """The windows of all labelled players.

    Raises:
        UsageError: there are no labels, or they name a video or a track that there is not.
        ImageError: a record is none.
    """
    if not labels:
        raise UsageError("the labels file holds no stroke", "write a line for each stroke")
    by_name = {source.name: source for source in sources_in(workspace, settings.fps)}
    parts = []
    for one in labels:
        source = by_name.get(one.player.video)
        if source is None:
            known = ", ".join(by_name) or "none"
            remedy = f"run hrn-stage on it, or correct the name; known are: {known}"
            raise UsageError(f"the labels name the video {one.player.video}, which has no poses", remedy)
        parts.append(_of_player(workspace, settings, source, one))
    return joined(parts)


def _of_player(workspace: Workspace, settings: MotionSettings, source: Source, labels: Labels) -> Samples:
    folder = workspace.path(workspace.motion) / source.name
    tracks = read_record(folder / FILE, TrackFile)
    if tracks is None:
        raise UsageError(f"{source.name} has no {FILE}", "run motion-stage first")
    wanted = [track for track in tracks.tracks if track.id == (labels.player.track or track.id)]
    wanted = [track for track in wanted if track.chosen or labels.player.track]
    if len(wanted) != 1:
        remedy = f"write the right id from {folder / FILE} into the column track, or choose by --pick"
        raise UsageError(f"the labels of {source.name} mean {len(wanted)} people, not one", remedy)
    entry = wanted[0].model_copy(update={"chosen": True})
    for track in loaded(source, source.facts(), [entry], settings):
        motion = motion_of(track, settings, None, ())
        times = motion.track.t_seconds
        stretches = with_idle(labels.strokes, float(times[0]), float(times[-1]))
        return samples_of(motion.track, stretches, labels.recording, labels.left_handed)
    raise ImageError(f"{source.name} has an empty track {entry.id}", f"delete {folder / FILE} and run motion-stage")
