"""The application: routes, static files, error answers, the guard in front, idle projects let go behind."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse
from fastapi.staticfiles import StaticFiles
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

import ivos
from ivos.errors import IvosError, OutputError
from ivos.model.networks import Networks, weights_digest
from ivos.server import routes_app, routes_exports, routes_project, routes_rounds
from ivos.server.brain import Brain
from ivos.server.library import Library
from ivos.server.problems import Problem, from_error
from ivos.server.security import Guard
from ivos.server.services import Services
from ivos.server.settings import Settings
from ivos.server.study import open_study

STATIC = Path(__file__).parent / "static"
SHOWN_PROBLEMS = 3
_log = logging.getLogger("ivos.server")


def create_app(settings: Settings, networks: Networks | None = None) -> Guard:
    """The guarded application.

    Args:
        settings: What it is started with.
        networks: Used instead of loading `settings.model`.

    Raises:
        InputError: The video, the study's data set or the user's name is not usable.
        OutputError: The projects' folder cannot be written to, or its disk has too little room for the clip.
    """

    def load() -> Networks:
        from ivos.model.weights import load_model

        return networks if networks is not None else load_model(settings.model, device=settings.device)

    brain = Brain(load, settings.model, settings.device)
    library = Library(settings.projects, settings.model, settings.resolution)
    library.clear_uploads()
    study = None
    if settings.study_root is not None:
        weights = None if brain.trouble() else weights_digest(brain.networks)
        study = open_study(settings.study_root, settings.user, library, Path(settings.model).stem, weights)
    try:
        open_project = None if settings.video is None else library.open_path(settings.video)
    except Problem as problem:
        raise OutputError(problem.message) from problem
    here = Services(settings, brain, library, study, open_project)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        reaper = asyncio.create_task(_let_go(here))
        yield
        reaper.cancel()
        with suppress(asyncio.CancelledError):
            await reaper
        await run_in_threadpool(here.sessions.close)
        brain.close()

    app = FastAPI(
        title="ivos app",
        version=ivos.__version__,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        openapi_url="/api/openapi.json",
    )
    app.state.services = here
    for routes in (routes_app, routes_project, routes_rounds, routes_exports):
        app.include_router(routes.router)
    _answer_errors(app)
    app.mount("/static", StaticFiles(directory=STATIC, check_dir=False), name="static")

    @app.get("/", include_in_schema=False)
    def page() -> FileResponse:
        return FileResponse(STATIC / "index.html", headers={"Cache-Control": "no-cache"})

    return Guard(app, settings.token, settings.host, settings.port, here.stopping)


async def _let_go(here: Services) -> None:
    while True:
        await asyncio.sleep(min(30.0, here.settings.idle_seconds / 2))
        await run_in_threadpool(here.sessions.unload_idle, here.settings.idle_seconds)


def _answer_errors(app: FastAPI) -> None:
    """Every error as `{"error": {"code", "message"}}`."""

    @app.exception_handler(Problem)
    async def problem(_: Request, error: Problem) -> JSONResponse:
        return JSONResponse(error.body(), error.status)

    @app.exception_handler(IvosError)
    async def known(_: Request, error: IvosError) -> JSONResponse:
        found = from_error(error)
        return JSONResponse(found.body(), found.status)

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        found = Problem(422, "input", f"The request is not valid: {_sentence(list(error.errors()))}.")
        return JSONResponse(found.body(), found.status)

    @app.exception_handler(HTTPException)
    async def http(_: Request, error: HTTPException) -> JSONResponse:
        code = {404: "missing", 405: "missing"}.get(error.status_code, "input")
        found = Problem(error.status_code, code, f"{error.detail}.")
        return JSONResponse(found.body(), found.status, headers=dict(error.headers or {}))

    @app.exception_handler(ClientDisconnect)
    async def gone(_: Request, __: ClientDisconnect) -> JSONResponse:
        found = Problem(400, "input", "The upload was broken off.")  # nobody hears it; it is no failure to log
        return JSONResponse(found.body(), found.status)

    @app.exception_handler(Exception)
    async def unexpected(_: Request, error: Exception) -> JSONResponse:
        _log.error("A request failed", exc_info=error)
        text = f"The server failed unexpectedly ({type(error).__name__}). Its log says more; nothing saved is lost."
        found = Problem(500, "server", text)
        return JSONResponse(found.body(), found.status)


def _sentence(errors: list[Any]) -> str:
    """The first few problems of a request: where, and what was expected."""
    parts = []
    for each in errors[:SHOWN_PROBLEMS]:
        place = ".".join(str(part) for part in each["loc"] if part != "body")
        parts.append(f"{place}: {each['msg']}" if place else str(each["msg"]))
    return "; ".join(parts).encode("ascii", "replace").decode()
