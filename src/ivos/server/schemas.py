"""What the page sends, typed: every request is checked against it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Seq = Annotated[int, Field(ge=0, le=2**40)]
FrameIndex = Annotated[int, Field(ge=0, le=2**31)]
ObjectId = Annotated[int, Field(ge=1, le=254)]
Share = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Milliseconds = Annotated[float, Field(ge=0, le=1e15, allow_inf_nan=False)]
Name = Annotated[str, Field(min_length=1, max_length=80, pattern=r"\S")]
Colour = Annotated[str, Field(pattern=r"^#[0-9a-fA-F]{6}$")]
Runs = Annotated[list[Annotated[int, Field(ge=0, le=2**40)]], Field(min_length=2, max_length=4_000_000)]
Direction = Literal["both", "forward", "backward"]
ExportFormat = Literal["palette", "binary", "overlay", "prores", "webm", "green", "coco", "scribbles"]
Overlay = Literal["tint", "contour", "matte", "checker", "green", "side"]


class Model(BaseModel):
    """No unknown fields, nothing converted silently but whole floats."""

    model_config = ConfigDict(extra="forbid")


class ProjectName(Model):
    """What a project is to be called."""

    name: Name


class Change(Model):
    """Any change of a project: the state that the page acts on."""

    seq: Seq


class StrokeRequest(Change):
    """One stroke, sent at its release."""

    frame: FrameIndex
    object_id: ObjectId
    kind: Literal["add", "remove"]
    path: Annotated[list[tuple[Share, Share]], Field(min_length=1, max_length=5000)]
    start_ms: Milliseconds = 0.0
    end_ms: Milliseconds = 0.0


class DeleteStrokes(Change):
    """Strokes and drags of the brush to delete."""

    ids: Annotated[list[Seq], Field(min_length=1, max_length=100_000)]


class PaintRequest(Change):
    """The whole mask of a frame after one drag of the brush."""

    frame: FrameIndex
    runs: Runs


class NewObject(Change):
    """An object; without a name it gets one."""

    name: Name | None = None


class LookRequest(Change):
    """What is to change about an object."""

    name: Name | None = None
    visible: bool | None = None
    locked: bool | None = None
    colour: Colour | None = None


class RoundRequest(Change):
    """A round within in and out marks, both included."""

    direction: Direction = "both"
    first: FrameIndex | None = None
    last: FrameIndex | None = None


class View(Model):
    """Where the user looks; kept for the next time. What a newer page says beyond this is left out."""

    model_config = ConfigDict(extra="ignore")

    frame: FrameIndex = 0
    in_frame: FrameIndex | None = None
    out_frame: FrameIndex | None = None
    object_id: ObjectId = 1
    overlay: Overlay = "tint"
    opacity: Share = 0.5
    brush: Annotated[int, Field(ge=1, le=200)] = 12


class ViewRequest(Model):
    """A view to keep."""

    view: View


class ExportRequest(Model):
    """What to write."""

    format: ExportFormat
    object_ids: Annotated[list[ObjectId], Field(min_length=1, max_length=254)] | None = None
    first: FrameIndex | None = None
    last: FrameIndex | None = None


class OnShow(Model):
    """The project that a page of the study shows; None does not say."""

    project_id: str | None = None


class SelectFrame(OnShow):
    """A frame to correct, in study mode."""

    frame: FrameIndex
