"""What the server answers, typed; OpenAPI is made from it."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel

from ivos.server.schemas import ExportFormat, ExportRequest, View


class ErrorBody(BaseModel):
    """Code and sentences."""

    code: str
    message: str


class ErrorAnswer(BaseModel):
    """Every answer that is no success."""

    error: ErrorBody
    seq: int | None = None


class ModelAnswer(BaseModel):
    """The model and whether it can be used."""

    name: str
    available: bool
    message: str | None


class AppAnswer(BaseModel):
    """The server."""

    version: str
    model: ModelAnswer
    device: str
    threads: int
    max_upload_bytes: int
    free_bytes: int
    has_demo: bool
    open_project: str | None
    study: bool


class Summary(BaseModel):
    """A project in the list of recent ones."""

    id: str
    name: str
    num_frames: int
    height: int
    width: int
    fps: float
    num_objects: int
    num_rounds: int
    bytes: int
    made_at: str
    opened_at: str
    thumbnail: str


class Projects(BaseModel):
    """Recent projects."""

    projects: list[Summary]


class Needs(BaseModel):
    """What work on a clip takes on this machine."""

    num_frames: int
    height: int
    width: int
    fps: float
    duration_seconds: float
    working_height: int
    working_width: int
    memory_bytes: int
    disk_bytes_per_round: int
    free_disk_bytes: int
    seconds_per_frame: float
    seconds_per_round: float
    warnings: list[str]


class FrameMask(BaseModel):
    """A label mask as runs."""

    frame: int
    revision: int
    runs: list[int]


class ClipAnswer(BaseModel):
    """The clip."""

    num_frames: int
    height: int
    width: int
    fps: float
    name: str


class SizeAnswer(BaseModel):
    """Pixels."""

    height: int
    width: int


class ObjectAnswer(BaseModel):
    """An object and the frames it was drawn on."""

    id: int
    name: str
    colour: str
    visible: bool
    locked: bool
    annotated: list[int]


class StrokeAnswer(BaseModel):
    """A stroke."""

    id: int
    frame: int
    object_id: int
    kind: str
    path: list[tuple[float, float]]
    start_ms: float
    end_ms: float
    round: int | None


class PaintAnswer(BaseModel):
    """A drag of the brush or the eraser, and the objects whose masks it changed."""

    id: int
    frame: int
    object_ids: list[int]


class WorstAnswer(BaseModel):
    """The frame most worth correcting, and why."""

    frame: int
    trust: float
    reason: str


class RoundAnswer(BaseModel):
    """A finished round."""

    number: int
    frames: list[int]
    direction: str
    seconds: float
    num_frames: int
    partial: bool


class RunningAnswer(BaseModel):
    """The round that runs."""

    done: int
    total: int
    frame: int | None
    frames_per_second: float | None
    seconds_left: float | None


class UndecidedAnswer(BaseModel):
    """A broken-off round: the masks of its finished frames have the name `revision`."""

    done: int
    total: int
    frames: list[int]
    revision: int
    reason: Literal["cancelled", "interrupted"]


class ExportAnswer(BaseModel):
    """An export at work or done."""

    number: int
    format: ExportFormat
    status: Literal["running", "done", "cancelled", "failed"]
    done: int
    total: int
    name: str
    bytes: int | None
    message: str | None
    url: str | None
    path: str


class ProjectAnswer(BaseModel):
    """Everything that a page needs after a reload."""

    id: str
    name: str
    made_at: str
    seq: int
    clip: ClipAnswer
    working: SizeAnswer
    objects: list[ObjectAnswer]
    strokes: list[StrokeAnswer]
    waiting: list[int]
    annotated: list[int]
    paints: list[PaintAnswer]
    stale: bool
    revisions: list[int | None]
    before: list[int | None] | None
    changed: list[float] | None
    trust: list[float | None]
    worst: WorstAnswer | None
    rounds: list[RoundAnswer]
    undo: str | None
    redo: str | None
    running: RunningAnswer | None
    undecided: UndecidedAnswer | None
    view: View
    export_choice: ExportRequest | None
    export: ExportAnswer | None


class ChangeAnswer(BaseModel):
    """The new state, and the masks that changed."""

    project: ProjectAnswer
    masks: list[FrameMask]
    seconds: float


class Cancelled(BaseModel):
    """How far the round had come."""

    done: int
    total: int


class ChangesAnswer(BaseModel):
    """Whether there is news."""

    seq: int
    running: bool


class StudyAnswer(BaseModel):
    """Where the study is."""

    user: str
    sequence: str
    number: int
    total: int
    project_id: str | None
    phase: Literal["scribble", "operate", "find", "finished"]
    slider_locked: bool
    frame: int | None
    round: int
    jf: float | None
