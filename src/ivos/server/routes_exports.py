"""Routes of exports, and of the study mode."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path
from fastapi.responses import FileResponse

from ivos.errors import SessionOrderError
from ivos.server.answer_schemas import ExportAnswer, FrameMask, StudyAnswer
from ivos.server.problems import missing
from ivos.server.runs import to_runs
from ivos.server.schemas import ExportRequest, OnShow, SelectFrame
from ivos.server.services import ERRORS, PathFrame, Services, ServicesHere, WorkspaceHere
from ivos.server.study import Study

router = APIRouter(prefix="/api", responses=ERRORS)
Number = Annotated[int, Path(ge=1, le=10**9)]


@router.post("/projects/{project_id}/exports", status_code=202)
def start(space: WorkspaceHere, here: ServicesHere, request: ExportRequest) -> ExportAnswer:
    """Start an export."""
    return space.export(request, here.library.check_room).answer()


@router.get("/projects/{project_id}/exports/{number}")
def progress(space: WorkspaceHere, number: Number) -> ExportAnswer:
    """How far an export is."""
    return space.exports.job(number).answer()


@router.post("/projects/{project_id}/exports/{number}/cancel")
def cancel(space: WorkspaceHere, number: Number) -> ExportAnswer:
    """Stop an export before its next frame."""
    job = space.exports.job(number)
    job.cancel()
    return job.answer()


@router.get(
    "/projects/{project_id}/exports/{number}/file",
    response_class=FileResponse,
    responses={200: {"content": {"application/octet-stream": {}}}},
)
def file(space: WorkspaceHere, number: Number) -> FileResponse:
    """The exported file."""
    job = space.exports.job(number)
    if job.status != "done" or not job.path.is_file():
        raise SessionOrderError("The export is not done, or its file was moved away.")
    return FileResponse(job.path, filename=job.path.name, media_type="application/octet-stream")


@router.get("/study")
def study(here: ServicesHere) -> StudyAnswer:
    """Where the study is."""
    return _study(here).answer()


@router.post("/study/select")
def select(here: ServicesHere, request: SelectFrame) -> StudyAnswer:
    """The frame to correct is chosen."""
    found = _study(here)
    found.check_on_show(request.project_id)
    found.select(request.frame)
    return found.answer()


@router.post("/study/satisfied")
def satisfied(here: ServicesHere, request: OnShow | None = None) -> StudyAnswer:
    """The sequence is done; the next one is shown."""
    found = _study(here)
    if found.project_id is None:
        raise SessionOrderError("The study is finished.")
    found.check_on_show(request.project_id if request else None)
    with here.sessions.use(found.project_id) as space:
        found.satisfied(space)
    return found.answer()


@router.get("/projects/{project_id}/truth/{t}")
def truth(space: WorkspaceHere, here: ServicesHere, t: PathFrame) -> FrameMask:
    """The true mask of a frame."""
    mask = _study(here).truth(space.id, t)
    return FrameMask(frame=t, revision=0, runs=to_runs(mask))


def _study(here: Services) -> Study:
    if here.study is None:
        raise missing("study; start the app with --study and --user")
    return here.study
