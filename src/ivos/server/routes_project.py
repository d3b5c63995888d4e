"""Routes of one project: its state, frames, masks, and everything the user's hand does."""

from __future__ import annotations

import asyncio
import io
import time
from functools import partial
from typing import Annotated

from fastapi import APIRouter, Header, Path, Query, Request, Response
from PIL import Image
from starlette.concurrency import run_in_threadpool

from ivos.server.answer_schemas import ChangeAnswer, ChangesAnswer, FrameMask, ProjectAnswer, Summary
from ivos.server.answers import frame_mask, project_answer, summary
from ivos.server.checks import check_frame
from ivos.server.painting import MAX_MASK_BYTES, MaskFile, drag
from ivos.server.problems import Problem
from ivos.server.schemas import (
    Change,
    DeleteStrokes,
    LookRequest,
    NewObject,
    PaintRequest,
    ProjectName,
    Seq,
    StrokeRequest,
    ViewRequest,
)
from ivos.server.services import ERRORS, PathFrame, ProjectId, ServicesHere, WorkspaceHere, change, look_ahead
from ivos.server.uploads import limited

router = APIRouter(prefix="/api/projects/{project_id}", responses=ERRORS)
LONG_POLL_SECONDS = 25.0
POLL_SECONDS = 0.05
FIXED_OBJECTS = "The objects of a study's sequence are given. Draw on one of them."
PathObject = Annotated[int, Path(ge=1, le=254)]


@router.get("")
def project(space: WorkspaceHere, here: ServicesHere) -> ProjectAnswer:
    """Everything a page needs after a reload."""
    space.opened()
    look_ahead(space, here.brain)
    if here.study is not None:
        here.study.prepare(space)
    return project_answer(space)


@router.patch("")
def rename(space: WorkspaceHere, here: ServicesHere, request: ProjectName) -> Summary:
    """Rename the project; its folder and its address stay."""
    space.rename(request.name)
    return summary(here.library, space.id)


@router.delete("", status_code=204)
def remove(project_id: ProjectId, here: ServicesHere) -> None:
    """Delete the project with everything in it: clip, strokes, rounds, exports."""
    here.sessions.remove(project_id)


@router.get("/thumbnail.jpg", response_class=Response, responses={200: {"content": {"image/jpeg": {}}}})
def thumbnail(project_id: ProjectId, here: ServicesHere) -> Response:
    """The first frame, small, for the list of projects."""
    headers = {"Cache-Control": "private, no-cache"}
    return Response(here.library.thumbnail(project_id), media_type="image/jpeg", headers=headers)


@router.get(
    "/frames/{t}.jpg",
    response_class=Response,
    responses={200: {"content": {"image/jpeg": {}}}, 304: {"description": "The browser has it."}},
)
def frame(
    space: WorkspaceHere,
    t: PathFrame,
    height: Annotated[int | None, Query(ge=16, le=2160)] = None,
    if_none_match: Annotated[str | None, Header()] = None,
) -> Response:
    """One frame of the clip, whole or scaled to a height.

    A browser may keep it and asks each time whether it still holds: after a project is deleted, another may come to
    its address.
    """
    check_frame(space.manifest, t)
    tag = f'"{space.viewer.tag}-{t}-{height or 0}"'
    headers = {"Cache-Control": "private, no-cache", "ETag": tag}
    if if_none_match is not None and tag in if_none_match:
        return Response(status_code=304, headers=headers)
    image = Image.fromarray(space.viewer.frames[t])
    if height is not None:
        width = max(1, round(image.width * height / image.height))
        image = image.resize((width, height), Image.Resampling.BILINEAR)
    content = io.BytesIO()
    image.save(content, format="JPEG", quality=92 if height is None else 80)
    return Response(content.getvalue(), media_type="image/jpeg", headers=headers)


@router.get("/masks/{t}/{revision}")
def mask(space: WorkspaceHere, t: PathFrame, revision: Annotated[int, Path(ge=0, le=2**53)]) -> FrameMask:
    """One mask by its name; it never changes as long as the project is there. No browser keeps it, the page does."""
    check_frame(space.manifest, t)
    return frame_mask(space, t, revision)


@router.post("/strokes")
def strokes(space: WorkspaceHere, here: ServicesHere, request: StrokeRequest) -> ChangeAnswer:
    """One stroke; the answer has A-Net's mask of the frame."""
    if here.study is not None:
        here.study.pressed(space.id, request)
    return change(space, lambda: space.add_stroke(request), request.frame)


@router.post("/strokes/delete")
def delete_strokes(space: WorkspaceHere, here: ServicesHere, request: DeleteStrokes) -> ChangeAnswer:
    """Some strokes, or drags of the brush, less; in a study only strokes of the running round."""
    if here.study is not None:
        here.study.check_delete(space, request.ids)
    step = space.document.present
    chosen = set(request.ids)
    frames = sorted({each.frame for each in step.all_drawn if each.id in chosen})[:4]
    return change(space, lambda: space.delete_drawn(request.seq, request.ids), *frames)


@router.post("/paint")
def paint(space: WorkspaceHere, here: ServicesHere, request: PaintRequest) -> ChangeAnswer:
    """A frame's mask after one drag of brush or eraser; not in a study, which measures scribbles."""
    if here.study is not None:
        raise Problem(409, "order", "The study measures scribbles: brush and eraser are off. Draw a stroke instead.")
    paint = partial(drag, runs=request.runs)
    return change(space, lambda: space.paint(request.seq, request.frame, paint), request.frame)


@router.post(
    "/frames/{t}/mask",
    openapi_extra={
        "requestBody": {"required": True, "content": {"image/png": {"schema": {"type": "string", "format": "binary"}}}}
    },
)
async def import_mask(
    space: WorkspaceHere,
    here: ServicesHere,
    request: Request,
    t: PathFrame,
    seq: Seq,
    object_id: Annotated[int, Query(ge=1, le=254)] = 1,
) -> ChangeAnswer:
    """A frame's mask made elsewhere: the body is the image file; a binary one is of the object `object_id`."""
    if here.study is not None:
        raise Problem(409, "order", "The study measures scribbles: masks cannot be imported. Draw a stroke instead.")
    body = await limited(request.stream(), MAX_MASK_BYTES)

    def act() -> ChangeAnswer:
        mask = MaskFile.read(io.BytesIO(body))
        return change(space, lambda: space.paint(seq, t, partial(mask.import_to, object_id=object_id)), t)

    return await run_in_threadpool(act)


@router.post("/objects")
def add_object(space: WorkspaceHere, here: ServicesHere, request: NewObject) -> ChangeAnswer:
    """A new object; not in a study, whose sequences say which objects there are."""
    if here.study is not None:
        raise Problem(409, "order", FIXED_OBJECTS)
    return change(space, lambda: space.add_object(request.seq, request.name))


@router.patch("/objects/{object_id}")
def change_look(space: WorkspaceHere, object_id: PathObject, request: LookRequest) -> ChangeAnswer:
    """Rename, hide, lock or colour an object."""
    return change(space, lambda: space.change_look(object_id, request))


@router.delete("/objects/{object_id}")
def remove_object(space: WorkspaceHere, here: ServicesHere, object_id: PathObject, seq: Seq) -> ChangeAnswer:
    """An object less; not in a study."""
    if here.study is not None:
        raise Problem(409, "order", FIXED_OBJECTS)
    return change(space, lambda: space.remove_object(object_id, seq))


@router.post("/undo")
def undo(space: WorkspaceHere, here: ServicesHere, request: Change) -> ChangeAnswer:
    """One step back; in a study only over the strokes of the running round."""
    if here.study is not None:
        here.study.check_undo(space)
    return change(space, lambda: space.undo(request.seq))


@router.post("/redo")
def redo(space: WorkspaceHere, request: Change) -> ChangeAnswer:
    """One step forward again."""
    return change(space, lambda: space.redo(request.seq))


@router.patch("/view", status_code=204)
def view(space: WorkspaceHere, here: ServicesHere, request: ViewRequest) -> None:
    """Remember where the user looks, and get ready for a stroke there."""
    space.keep_view(request.view)
    look_ahead(space, here.brain)


@router.get("/changes")
async def changes(space: WorkspaceHere, here: ServicesHere, since: Seq) -> ChangesAnswer:
    """Waits for news: another state than `since`, or a round that starts or ends."""
    was = space.running is not None
    until = time.monotonic() + LONG_POLL_SECONDS
    while time.monotonic() < until and space.seq == since and (space.running is not None) == was:
        if here.stopping.is_set() or space.closed:
            break
        await asyncio.sleep(POLL_SECONDS)
    return ChangesAnswer(seq=space.seq, running=space.running is not None)
