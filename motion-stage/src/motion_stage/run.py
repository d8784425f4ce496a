"""One run of motion-stage: every sequence that is not done yet, one bad one not stopping the others."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from motion_stage import STAGE, facts
from motion_stage.gone import clear_gone
from motion_stage.make import Given, Maker, Step
from motion_stage.movie.job import MovieJob
from motion_stage.scale import read_scale
from motion_stage.settings import MotionSettings
from motion_stage.sources import Source, sources_in
from pose_contract.errors import DONE, SOME_IMAGES_FAILED, ImageError, UsageError
from pose_contract.storage import record_bytes, remove_file
from pose_contract.workspace import Workspace
from stage_kit.command.progress import Progress, tell
from stage_kit.runs.containment import held
from stage_kit.runs.journal import RunLog
from stage_kit.runs.removal import sweep_temporaries
from stage_kit.runs.video_log import teller
from stage_kit.stages import StageFacts


@dataclass(frozen=True)
class MotionOptions:
    """One run.

    Attributes:
        workspace: what it works on.
        settings: the user's.
        step: from which on all is made anew; None: what is not up to date.
        overwrite: make all anew.
        keep_going: exit 0 even if some sequences failed.
        follow_links: write through links out of the workspace.
        quiet: errors only.
        differing: what differs from the defaults, in words.
    """

    workspace: Workspace
    settings: MotionSettings
    step: Step | None = None
    overwrite: bool = False
    keep_going: bool = False
    follow_links: bool = False
    quiet: bool = False
    differing: str = ""
    stage: StageFacts = field(default_factory=facts)


def measure_motion(options: MotionOptions) -> int:
    """Makes the motion of all sequences of a workspace; says and writes nothing where there is none.

    Returns the exit code: 0, or 3 where sequences failed.

    Raises:
        UsageError: a setting has no meaning.
        WorkspaceError: not writable, disk full, or another run is on it.
    """
    workspace, settings = options.workspace, options.settings
    if options.step == "strokes" and settings.strokes_model is None:
        remedy = "name it: --strokes_model strokes.json; motion-stage strokes train makes one"
        raise UsageError("there is no model to tell strokes by", remedy)
    given = read_given(settings, workspace.root)
    sources = sources_in(workspace, settings.fps)
    if not sources:
        if workspace.report_path(STAGE).is_file():
            remove_file(workspace.report_path(STAGE))  # its failures are of videos that are gone
        return DONE
    log = RunLog(workspace, options.stage, settings.options, Progress(STAGE, len(sources), options.quiet))
    log.count("images", len(sources))
    started = time.monotonic()
    with ExitStack() as stack:
        for context in (held(options), log.kept(), log.progress):
            stack.enter_context(context)
        sweep_temporaries(workspace.path(workspace.motion))
        if options.differing:
            log.say(options.differing)
        for line in clear_gone(workspace, {source.name for source in sources}):
            log.say(line)
        _each(options, given, sources, log)
    if not options.quiet:
        tell(_summary(log, time.monotonic() - started))
    return SOME_IMAGES_FAILED if log.failures and not options.keep_going else DONE


def read_given(settings: MotionSettings, root: Path) -> Given:
    """The scale and the model of strokes that the settings name.

    Raises:
        UsageError: the scale is none, or LightGBM is not installed.
        ConfigError: the model is none, or was trained on other features.
    """
    scale = read_scale(settings.scale, root)
    if settings.strokes_model is None:
        return Given(scale)
    from motion_stage.strokes.model import StrokeClassifier, read_model

    model = read_model(root / settings.strokes_model)
    return Given(scale, StrokeClassifier(model), hashlib.sha256(record_bytes(model)).hexdigest())


def _each(options: MotionOptions, given: Given, sources: Sequence[Source], log: RunLog) -> None:
    for source in sources:
        file = options.workspace.image_file(source.name)
        try:
            made = Maker(options.workspace, options.settings, given, source).make(options.step, options.overwrite)
            if made.note:
                log.say(f"{file} {made.note}")
            drawn = _movie(options, made.movie, log)
        except ImageError as error:
            log.fail(file, error)
            continue
        log.done("processed" if made.worked else "redrawn" if drawn else "skipped", made.people)


def _movie(options: MotionOptions, job: MovieJob, log: RunLog) -> bool:
    """Draws a sequence's movie where it is not up to date; says in a line why there can be none."""
    from motion_stage.movie.make import SourceGoneError, make_movie

    anew = options.overwrite or options.step == "render"
    try:
        return make_movie(job, anew, teller(job.source.name, log))
    except SourceGoneError as error:
        log.say(f"{job.about.image} {error.reason}: no movie of its motion is drawn")
        return False


def _summary(log: RunLog, seconds: float) -> str:
    """`motion-stage: 3 sequences: 2 measured, 1 failed; 2 people; 1.2 s`."""
    words = (
        ("processed", "measured"),
        ("redrawn", "with a new movie"),
        ("skipped", "already done"),
        ("failed", "failed"),
    )
    parts = [f"{log.counts[what]} {word}" for what, word in words if log.counts.get(what)]
    count, people = log.counts["images"], log.counts.get("people", 0)
    sequences = "1 sequence" if count == 1 else f"{count} sequences"
    who = "1 person" if people == 1 else f"{people} people"
    return f"{STAGE}: {sequences}: {', '.join(parts)}; {who}; {seconds:.1f} s"
