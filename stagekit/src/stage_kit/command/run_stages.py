"""`pose run`: photos from anywhere into the workspace, the installed stages one after the other, and what was found."""

from __future__ import annotations

import shlex
import subprocess
import sys
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path

from pose_contract.errors import DONE, SOME_IMAGES_FAILED, UsageError
from pose_contract.names import printable
from pose_contract.workspace import Workspace
from stage_kit.command.bring import Brought, bring, photos_in
from stage_kit.command.exits import Terminated
from stage_kit.command.found import SHOWN, found_lines, verdict, where_to_look
from stage_kit.command.progress import shown, tell
from stage_kit.command.settings import with_settings
from stage_kit.command.template import fill_workspace, workspace_to_run
from stage_kit.stages import StageFacts, installed_stages


def run(photos: Sequence[Path], workspace: Path | None, flags: Sequence[str], of_stage: Mapping[str, str]) -> int:
    """Runs all installed stages; one bad photo stops none of them, but fails the end.

    Args:
        photos: files and folders to bring into the workspace first; none: what it holds.
        workspace: created if it is not there; None: the default one.
        flags: for every stage.
        of_stage: more flags by the stage's name, as one text.

    Returns:
        0; 3 where photos failed; a stage's own code if it could not run.
    """
    chosen = workspace_to_run(workspace)
    commands = [_command(stage, chosen, (*flags, *_split(of_stage.get(stage.name, "")))) for stage in stages_to_run()]
    wanted = photos_in(photos, chosen)
    fill_workspace(chosen.root)
    brought = bring(wanted, chosen) if wanted else Brought()
    for command in commands:
        code = call(command)
        if code != DONE:
            return code
    if "--quiet" not in flags:
        _tell_findings(chosen, brought)
    for path, error in brought.failures.items():
        tell(f"failed: {printable(str(path))}: {error}")
    return max(verdict(chosen), SOME_IMAGES_FAILED if brought.failures else DONE)


def stages_to_run() -> tuple[StageFacts, ...]:
    """The installed stages that belong to a run. Raises UsageError where there is none."""
    stages = tuple(stage for stage in installed_stages() if stage.in_run)
    if not stages:
        raise UsageError("no stage is installed here", "make setup")
    return stages


def _split(flags: str) -> list[str]:
    try:
        return shlex.split(flags)
    except ValueError as error:
        raise UsageError(f"{flags}: {error}", "close the quotation") from None


def _command(stage: StageFacts, workspace: Workspace, flags: Sequence[str]) -> list[str]:
    """The stage's own command. Its flags and its part of pose.toml are checked now: hours may pass before its turn."""
    words = ["--workspace", str(workspace.root), "--keep_going", *flags]
    with_settings(import_module(f"{stage.package}.cli").parser(), words, workspace.root)
    return [sys.executable, "-m", f"{stage.package}.cli", *words]


def call(command: Sequence[str]) -> int:
    """Runs a command to its end and returns its exit code; what stops us stops it, and it is waited for.

    Ctrl-C reaches it from the terminal, as it does us; SIGTERM and SIGHUP are passed on.
    """
    stopped: BaseException | None = None
    with subprocess.Popen(command) as process:
        while True:
            try:
                code = process.wait()
                break
            except KeyboardInterrupt as interrupt:
                stopped = interrupt
            except Terminated as end:
                process.send_signal(end.number)
                stopped = end
    if stopped is not None and code == DONE:  # it was just about to end, and nothing else shall begin
        raise stopped
    return code if code >= 0 else 128 - code


def _tell_findings(workspace: Workspace, brought: Brought) -> None:
    named = brought.names if brought.names or brought.failures else None
    for line in found_lines(workspace, named, SHOWN):
        print(shown(line))
    print(shown(where_to_look(workspace)), flush=True)
