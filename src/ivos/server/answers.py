"""What the page is told about a project."""

from __future__ import annotations

import os
from pathlib import Path

from ivos.server.answer_schemas import (
    ChangeAnswer,
    ClipAnswer,
    FrameMask,
    ObjectAnswer,
    PaintAnswer,
    ProjectAnswer,
    RoundAnswer,
    RunningAnswer,
    SizeAnswer,
    StrokeAnswer,
    Summary,
    UndecidedAnswer,
    WorstAnswer,
)
from ivos.server.document import before_revision
from ivos.server.library import Library
from ivos.server.manifest import read_manifest
from ivos.server.runs import to_runs
from ivos.server.steps import Step
from ivos.server.workspace import Workspace


def frame_mask(workspace: Workspace, t: int, revision: int) -> FrameMask:
    """One mask as runs."""
    mask = workspace.viewer.mask(workspace.document, t, revision)
    return FrameMask(frame=t, revision=revision, runs=to_runs(mask))


def change_answer(workspace: Workspace, frames: tuple[int, ...], seconds: float) -> ChangeAnswer:
    """The state after a change, with the masks of the frames that were drawn on."""
    project = project_answer(workspace)
    named = [(t, project.revisions[t]) for t in frames]
    masks = [frame_mask(workspace, t, revision) for t, revision in named if revision is not None]
    return ChangeAnswer(project=project, masks=masks, seconds=round(seconds, 4))


def project_answer(workspace: Workspace) -> ProjectAnswer:
    """The whole state, at one moment of it."""
    with workspace.lock:
        return _state(workspace)


def _state(workspace: Workspace) -> ProjectAnswer:
    document, manifest = workspace.document, workspace.manifest
    step, frames, undecided = document.present, range(manifest.num_frames), _undecided(workspace)
    strips = workspace.timeline.strips(step)
    newest, (height, width) = workspace.exports.newest, manifest.size
    working_height, working_width = workspace.viewer.working
    earlier = None if step.before is None else [before_revision(step, t) for t in frames]
    worst = None
    if strips.worst is not None:
        frame, sure, why = strips.worst
        names = {k: look.name for k, look in document.looks.items()}
        worst = WorstAnswer(frame=frame, trust=sure, reason=why.reason(frame, names))
    return ProjectAnswer(
        id=workspace.id,
        name=manifest.name,
        made_at=manifest.made_at,
        seq=document.seq,
        clip=ClipAnswer(
            num_frames=manifest.num_frames, height=height, width=width, fps=manifest.fps, name=manifest.clip_name
        ),
        working=SizeAnswer(height=working_height, width=working_width),
        objects=_objects(workspace, step),
        strokes=_strokes(step),
        waiting=list(step.waiting),
        annotated=list(step.annotated),
        paints=[PaintAnswer(id=each.id, frame=each.frame, object_ids=list(each.objects)) for each in step.paints],
        stale=step.stale,
        revisions=[step.revision(t) for t in frames],
        before=earlier,
        changed=None if strips.changed is None else list(strips.changed),
        trust=list(strips.trust),
        worst=worst,
        rounds=_rounds(step),
        undo="the broken-off round" if undecided else step.label if document.past else None,
        redo=document.future[-1].label if document.future else None,
        running=_running(workspace),
        undecided=undecided,
        view=workspace.view,
        export_choice=workspace.export_choice,
        export=None if newest is None else newest.answer(),
    )


def _objects(workspace: Workspace, step: Step) -> list[ObjectAnswer]:
    frames: dict[int, set[int]] = {k: set() for k in step.objects}
    for stroke in step.strokes:
        frames.setdefault(stroke.object_id, set()).add(stroke.frame)
    for paint in step.paints:
        for k in paint.objects:
            frames.setdefault(k, set()).add(paint.frame)
    looks = workspace.document.looks
    return [
        ObjectAnswer(
            id=k,
            name=looks[k].name,
            colour=looks[k].colour,
            visible=looks[k].visible,
            locked=looks[k].locked,
            annotated=sorted(frames[k]),
        )
        for k in step.objects
    ]


def _strokes(step: Step) -> list[StrokeAnswer]:
    numbers = {done.id: number for number, done in enumerate(step.rounds, start=1)}
    return [
        StrokeAnswer(
            id=each.id,
            frame=each.frame,
            object_id=each.object_id,
            kind=each.kind,
            path=list(each.path),
            start_ms=each.start_ms,
            end_ms=each.end_ms,
            round=None if each.round is None else numbers.get(each.round),
        )
        for each in step.strokes
    ]


def _rounds(step: Step) -> list[RoundAnswer]:
    return [
        RoundAnswer(
            number=number,
            frames=list(done.frames),
            direction=done.direction,
            seconds=done.seconds,
            num_frames=done.num_frames,
            partial=done.partial,
        )
        for number, done in enumerate(step.rounds, start=1)
    ]


def _running(workspace: Workspace) -> RunningAnswer | None:
    run = workspace.running
    if run is None:
        return None
    return RunningAnswer(
        done=run.done,
        total=run.total,
        frame=run.visited[-1] if run.visited else None,
        frames_per_second=run.frames_per_second,
        seconds_left=run.seconds_left,
    )


def _undecided(workspace: Workspace) -> UndecidedAnswer | None:
    begun = workspace.document.begun
    if begun is None or workspace.running is not None:
        return None
    frames = list(workspace.document.begun_frames)
    if not frames:  # nothing to decide about; the next change discards it
        return None
    return UndecidedAnswer(
        done=len(frames),
        total=begun.total,
        frames=frames,
        revision=workspace.document.begun_revision,
        reason="cancelled" if begun.cancelled else "interrupted",
    )


def summary(library: Library, project_id: str) -> Summary:
    """A project for the list."""
    folder = library.folder(project_id)
    manifest = read_manifest(folder)
    return Summary(
        id=project_id,
        name=manifest.name,
        num_frames=manifest.num_frames,
        height=manifest.size[0],
        width=manifest.size[1],
        fps=manifest.fps,
        num_objects=manifest.num_objects,
        num_rounds=manifest.num_rounds,
        bytes=_folder_bytes(folder),
        made_at=manifest.made_at,
        opened_at=manifest.opened_at,
        thumbnail=f"/api/projects/{project_id}/thumbnail.jpg",
    )


def _folder_bytes(folder: Path) -> int:
    files = (Path(place) / name for place, _, names in os.walk(folder) for name in names)
    return sum(file.stat().st_size for file in files if file.is_file())
