"""What the routes share."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Annotated, Any

from fastapi import Depends, Path, Request

from ivos.errors import IvosError
from ivos.server.answer_schemas import ChangeAnswer, ErrorAnswer
from ivos.server.answers import change_answer
from ivos.server.brain import Brain
from ivos.server.library import Library
from ivos.server.needs import Trial
from ivos.server.problems import Problem
from ivos.server.sessions import Sessions
from ivos.server.settings import Settings
from ivos.server.study import Study
from ivos.server.workspace import Workspace

ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"model": ErrorAnswer, "description": text}
    for status, text in {
        400: "The request's body cannot be read.",
        401: "The token is missing.",
        403: "Host or Origin is foreign.",
        404: "It does not exist.",
        409: "Not in this state of the project.",
        413: "Too large.",
        422: "Not valid.",
        503: "The model cannot be loaded.",
        507: "The disk is full.",
    }.items()
}


class Services:
    """All parts of one server.

    Args:
        settings: What it was started with.
        brain: The networks.
        library: The projects.
        study: The study mode; None outside it.
        open_project: The project that the page opens at once.
    """

    def __init__(
        self, settings: Settings, brain: Brain, library: Library, study: Study | None, open_project: str | None
    ) -> None:
        """Put them together."""
        self.stopping = threading.Event()
        """Set when the server is told to end: answers that wait for something do so no longer."""
        self.open_project = open_project
        self.settings, self.brain, self.library, self.study = settings, brain, library, study
        self.sessions = Sessions(library, brain)
        self.trial = Trial(brain)


def services(request: Request) -> Services:
    """The parts of the server that answers."""
    found: Services = request.app.state.services
    return found


ServicesHere = Annotated[Services, Depends(services)]
ProjectId = Annotated[str, Path(pattern=r"^[a-z0-9][a-z0-9_-]{0,79}$")]
PathFrame = Annotated[int, Path(ge=0, le=2**31)]


def workspace(project_id: ProjectId, here: ServicesHere) -> Iterator[Workspace]:
    """The project of the address, open as long as the request lasts."""
    with here.sessions.use(project_id) as found:
        yield found


WorkspaceHere = Annotated[Workspace, Depends(workspace)]


def change(space: Workspace, act: Callable[[], object], *frames: int) -> ChangeAnswer:
    """Make a change; the new state with the masks of some frames."""
    started = time.perf_counter()
    act()
    return change_answer(space, frames, time.perf_counter() - started)


def look_ahead(space: Workspace, brain: Brain) -> None:
    """Encode the frame that the user looks at, beside the requests, unless they left it or something else works."""
    t = space.view.frame

    def encode() -> None:
        if space.closed or not space.at_rest or space.view.frame != t:
            return
        with suppress(Problem, IvosError):  # whatever is wrong with clip or model, the next stroke says it
            space.viewer.look_ahead(t)

    if t < space.manifest.num_frames:
        brain.ahead.submit(encode)
