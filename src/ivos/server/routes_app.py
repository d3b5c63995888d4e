"""Routes of the server itself: what it is, its projects, uploads."""

from __future__ import annotations

from contextlib import suppress
from typing import Annotated

import torch
from fastapi import APIRouter, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect

import ivos
from ivos.errors import InputError
from ivos.server.answer_schemas import AppAnswer, ModelAnswer, Needs, Projects, Summary
from ivos.server.answers import summary
from ivos.server.library import DEMO_CLIP
from ivos.server.needs import needs
from ivos.server.problems import Problem
from ivos.server.services import ERRORS, Services, ServicesHere, WorkspaceHere
from ivos.server.uploads import receive

router = APIRouter(prefix="/api", responses=ERRORS)


@router.get("/app")
def app(here: ServicesHere) -> AppAnswer:
    """What the server is and can."""
    trouble = here.brain.trouble()
    study = here.study
    return AppAnswer(
        version=ivos.__version__,
        model=ModelAnswer(name=here.settings.model, available=trouble is None, message=trouble),
        device=here.settings.device,
        threads=torch.get_num_threads(),
        max_upload_bytes=here.settings.max_upload_bytes,
        free_bytes=max(0, here.library.free_bytes()),
        has_demo=DEMO_CLIP.is_file(),
        open_project=_first(here) if study is None else study.project_id,
        study=study is not None,
    )


@router.get("/projects")
def projects(here: ServicesHere) -> Projects:
    """All projects, the one opened last first."""
    listed = []
    for project_id in here.library.ids():
        with suppress(Problem, InputError, FileNotFoundError):  # it is being deleted
            listed.append(summary(here.library, project_id))
    return Projects(projects=listed)


@router.post("/projects/demo", status_code=201)
def demo(here: ServicesHere) -> Summary:
    """A project with the bundled clip."""
    here.library.check_room(DEMO_CLIP.stat().st_size)
    return summary(here.library, here.library.demo(here.sessions.can_open))


@router.post(
    "/projects/upload",
    status_code=201,
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
        }
    },
)
async def upload(
    request: Request, here: ServicesHere, name: Annotated[str, Query(min_length=1, max_length=255)]
) -> Summary:
    """A project with an uploaded video: the request's body is the file."""
    length = request.headers.get("content-length", "")
    declared = int(length) if length.isdecimal() and length.isascii() else None
    place = await receive(request.stream(), declared, here.library, here.settings.max_upload_bytes)
    try:
        project_id = await run_in_threadpool(here.library.create, place, name, move=True)
    finally:
        place.unlink(missing_ok=True)
    if await request.is_disconnected():  # cancelled while the clip was read
        await run_in_threadpool(here.sessions.remove, project_id)
        raise ClientDisconnect
    return await run_in_threadpool(summary, here.library, project_id)


@router.get("/projects/{project_id}/needs")
def clip_needs(space: WorkspaceHere, here: ServicesHere) -> Needs:
    """What work on the clip takes on this machine."""
    return needs(space, here.trial, here.library.free_bytes(space.folder))


def _first(here: Services) -> str | None:
    """The project that the page opens at once, as long as it is there."""
    return here.open_project if here.open_project in here.library.ids() else None
