"""Routes of rounds: start, follow, cancel, keep or discard."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from fastapi import APIRouter
from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool

from ivos.server.answer_schemas import Cancelled, ChangeAnswer
from ivos.server.answers import project_answer
from ivos.server.needs import bytes_of_round
from ivos.server.problems import Problem
from ivos.server.running import RunningRound
from ivos.server.schemas import Change, RoundRequest
from ivos.server.services import ERRORS, Services, ServicesHere, WorkspaceHere, change
from ivos.server.workspace import Workspace

NDJSON = "application/x-ndjson"
STREAM: dict[int | str, dict[str, Any]] = {
    200: {"content": {NDJSON: {"schema": {"type": "string"}}}, "description": "One JSON object a line."}
}
router = APIRouter(prefix="/api/projects/{project_id}/rounds", responses=ERRORS)


@router.post("", response_class=StreamingResponse, responses=STREAM)
def begin(space: WorkspaceHere, here: ServicesHere, request: RoundRequest) -> StreamingResponse:
    """Start a round; the answer is a stream of its frames. The round goes on if nobody reads it."""
    here.library.check_room(bytes_of_round(space), space.folder)
    run = space.begin_round(request) if here.study is None else here.study.operate(space, request)
    return _stream(here, space, run)


@router.get("/stream", response_class=StreamingResponse, responses=STREAM)
def follow(space: WorkspaceHere, here: ServicesHere) -> StreamingResponse:
    """The stream of the round at work, from its first frame."""
    return _stream(here, space, space.current_round())


@router.post("/cancel")
def cancel(space: WorkspaceHere) -> Cancelled:
    """Stop the round before its next frame."""
    run = space.current_round()
    run.cancel()
    run.over.wait()
    return Cancelled(done=run.done, total=run.total)


@router.post("/keep")
def keep(space: WorkspaceHere, here: ServicesHere, request: Change) -> ChangeAnswer:
    """Take the finished frames of a broken-off round; not in a study, which measures whole rounds."""
    if here.study is not None:
        raise Problem(409, "order", "The study measures whole rounds. Throw this one away and run it again.")
    return change(space, lambda: space.keep_round(request.seq))


@router.post("/discard")
def discard(space: WorkspaceHere, request: Change) -> ChangeAnswer:
    """Forget a broken-off round."""
    return change(space, lambda: space.discard_round(request.seq))


def _stream(here: Services, space: Workspace, run: RunningRound) -> StreamingResponse:
    async def lines() -> AsyncIterator[bytes]:
        async for piece in run.stream(here.stopping):
            yield piece
        if not run.over.is_set():  # the server ends; the page sees that the stream broke off
            return
        answer = await run_in_threadpool(project_answer, space)
        yield run.last_line(answer.model_dump())

    return StreamingResponse(lines(), media_type=NDJSON)
