"""The scribble robot of the DAVIS interactive track: strokes that correct a prediction, given the truth.

Every wrong pixel is covered once, by a scribble that carries its true id (a false positive on the background: id 0).
For each id the error region is opened by a disk, thinned to its medial axis, and turned into a graph; the longest
path of each connected part becomes a Bezier curve.

The reference breaks ties of the medial axis at random, so published figures carry that noise. Here a seed decides,
and nothing but additions, products, quotients and square roots enters the coordinates: the same seed gives the same
strokes, bit for bit, on every run and platform.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from skimage.morphology import medial_axis

from ivos.core.morphology import Mask, dilate, erode, grid_disk
from ivos.errors import InputError
from ivos.types import BACKGROUND, Scribble

SHRINK = 0.9
"""The opening's radius is multiplied by this until something of the error region survives."""
NEIGHBOURS = ((1, 0), (-1, 1), (0, 1), (1, 1))
"""Half of the 8-neighbourhood, (dx, dy): the pixels that follow in reading order."""

MAX_POINTS = 1000  # the Bernstein weights of curves with more control points vanish in double precision
Pixel = tuple[int, int]
Tree = dict[Pixel, list[Pixel]]


@dataclass(frozen=True, slots=True)
class RobotConfig:
    """How the robot draws; the defaults are those of the DAVIS service.

    Attributes:
        kernel_size: Diameter of the opening as a share of the square root of the error's area.
        max_kernel_radius: Upper limit of the opening's radius, in pixels.
        min_nb_nodes: Parts of the skeleton with fewer pixels are not drawn.
        nb_points: Points of a stroke, 1 to 1000; a path of more pixels is drawn as it is.

    Raises:
        InputError: A value is negative or infinite, a count smaller than 1, or nb_points larger than 1000.
    """

    kernel_size: float = 0.2
    max_kernel_radius: float = 16.0
    min_nb_nodes: int = 4
    nb_points: int = 1000

    def __post_init__(self) -> None:
        """Refuse values that cannot be drawn."""
        if not all(0 <= value < math.inf for value in (self.kernel_size, self.max_kernel_radius)):
            raise InputError(f"The robot's kernel_size and max_kernel_radius must be numbers >= 0; got {self}.")
        if self.min_nb_nodes < 1 or not 1 <= self.nb_points <= MAX_POINTS:
            raise InputError(f"The robot's min_nb_nodes must be >= 1, its nb_points 1 to {MAX_POINTS}; got {self}.")


ROBOT_PRESETS = {"davis": RobotConfig(), "authors": RobotConfig(min_nb_nodes=2)}
"""The DAVIS service, and the released evaluation of the paper (which keeps shorter skeletons)."""


def robot(
    prediction: NDArray[np.integer],
    truth: NDArray[np.integer],
    object_ids: Iterable[int],
    config: RobotConfig = ROBOT_PRESETS["davis"],
    seed: int = 0,
) -> tuple[Scribble, ...]:
    """The strokes that correct a predicted label mask, by rising id; none where the prediction is right.

    Source: the robot of the DAVIS interactive challenge (arXiv:1803.00557).

    Args:
        prediction: Label mask, shape (H, W).
        truth: True label mask, same shape; void pixels (255) are never wrong.
        object_ids: Ids of the objects; the background (0) is always corrected, too.
        config: The robot's parameters.
        seed: Decides the ties of the medial axis, >= 0.

    Returns:
        One stroke for each connected part of each id's skeleton that is long enough.

    Raises:
        InputError: The masks differ in shape or are not (H, W), or the seed is negative.
    """
    if seed < 0:
        raise InputError(f"The robot's seed is {seed}; expected an integer >= 0.")
    if np.shape(prediction) != np.shape(truth) or np.ndim(truth) != 2:
        raise InputError(
            f"A prediction of shape {np.shape(prediction)} cannot be corrected towards truth of shape "
            f"{np.shape(truth)}; expected equal (H, W)."
        )
    height, width = truth.shape
    strokes = []
    for object_id in sorted({BACKGROUND, *object_ids}):
        region = drawable((truth == object_id) & (prediction != object_id), config)
        for path in _longest_paths(_skeleton(region, (seed, object_id)), config.min_nb_nodes):
            points = _bezier(np.array(path, dtype=np.float64), config.nb_points) / (width, height)
            strokes.append(Scribble(object_id, points.tolist()))
    return tuple(strokes)


def next_frame(
    values: Sequence[float], used: Collection[int], candidates: Collection[int] | None = None
) -> tuple[int, frozenset[int]]:
    """The frame to annotate next and the new history: the worst candidate that the robot has not chosen yet.

    If every candidate was chosen before, the worst of them is chosen again; once all frames of the clip were chosen,
    the history starts afresh. Equal frames are taken in order.

    Args:
        values: The metric of each frame, mean over the objects, shape (T,).
        used: Frames that the robot chose for this sample so far.
        candidates: Frames that may be chosen; None means all.

    Raises:
        InputError: No candidate is a frame of the clip, or a value is not a number.
    """
    metric = np.asarray(values, dtype=np.float64)
    if np.isnan(metric).any():
        raise InputError("A frame's metric is not a number; score every frame before choosing the next one.")
    order = np.argsort(metric, kind="stable").tolist()
    allowed = [t for t in order if candidates is None or t in candidates]
    if not allowed:
        raise InputError(f"None of the candidate frames exists; the clip has {len(order)} frames.")
    history = frozenset(used) if len(set(used) & set(order)) < len(order) else frozenset[int]()
    chosen = next((t for t in allowed if t not in history), allowed[0])
    return chosen, history | {chosen}


def drawable(error: Mask, config: RobotConfig) -> Mask:
    """What the robot draws on: the error region without what is thinner than a disk that grows with the region.

    Args:
        error: Shape (H, W); at the image's border it counts as going on beyond.
        config: Size of the disk; a disk that leaves nothing is shrunk.

    Returns:
        Shape (H, W); the whole region if it is small, nothing if no disk of more than a pixel fits.
    """
    radius = min(0.5 * config.kernel_size * math.sqrt(np.count_nonzero(error)), config.max_kernel_radius)
    if radius <= 1:
        return error
    while radius > 1:
        footprint = grid_disk(radius)
        opened = dilate(erode(error, footprint), footprint)
        if opened.any():
            return opened
        radius *= SHRINK
    return opened


def _skeleton(region: Mask, seed: tuple[int, int]) -> list[Pixel]:
    """The medial axis of a mask, pixels (x, y) in reading order."""
    rows, columns = np.flatnonzero(region.any(axis=1)), np.flatnonzero(region.any(axis=0))
    if not len(rows):
        return []
    top, left = int(rows[0]), int(columns[0])
    framed = np.pad(region[top : rows[-1] + 1, left : columns[-1] + 1], 1)
    axis = medial_axis(framed, rng=np.random.default_rng(seed))[1:-1, 1:-1]  # type: ignore[no-untyped-call]
    ys, xs = np.nonzero(axis)
    return list(zip((xs + left).tolist(), (ys + top).tolist(), strict=True))


def _longest_paths(skeleton: list[Pixel], min_nodes: int) -> list[list[Pixel]]:
    """The longest path, by number of pixels, of every connected part of the skeleton with enough pixels."""
    tree = _spanning_forest(skeleton)
    paths = []
    seen: set[Pixel] = set()
    for pixel in skeleton:
        if pixel in seen:
            continue
        part = _breadth_first(tree, pixel)
        seen.update(part)
        if len(part) >= min_nodes:
            paths.append(_farthest_path(tree, _farthest_path(tree, pixel)[-1]))
    return paths


def _spanning_forest(skeleton: list[Pixel]) -> Tree:
    """The 8-neighbour graph without cycles: straight edges are kept before diagonal ones, then in reading order."""
    tree: Tree = {pixel: [] for pixel in skeleton}
    root = {pixel: pixel for pixel in skeleton}

    def find(pixel: Pixel) -> Pixel:
        while root[pixel] != pixel:
            root[pixel] = root[root[pixel]]
            pixel = root[pixel]
        return pixel

    for dx, dy in sorted(NEIGHBOURS, key=lambda step: abs(step[0]) + abs(step[1])):
        for x, y in skeleton:
            other = (x + dx, y + dy)
            if other in tree and (here := find((x, y))) != (there := find(other)):
                root[there] = here
                tree[x, y].append(other)
                tree[other].append((x, y))
    return tree


def _breadth_first(tree: Tree, start: Pixel) -> dict[Pixel, Pixel]:
    """Every pixel reached from `start` with the one before it, in the order of the visit."""
    before = {start: start}
    queue = [start]
    for pixel in queue:
        for other in tree[pixel]:
            if other not in before:
                before[other] = pixel
                queue.append(other)
    return before


def _farthest_path(tree: Tree, start: Pixel) -> list[Pixel]:
    """The path from `start` to the last pixel of a breadth-first visit, which is as far away as any."""
    before = _breadth_first(tree, start)
    path = [next(reversed(before))]
    while path[-1] != start:
        path.append(before[path[-1]])
    return path[::-1]


def _bezier(controls: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """`count` points (count, 2) of the Bezier curve from the last control point to the first.

    Of more control points than `count`, the points themselves. The Bernstein weights follow from one another by
    products, for each half of the curve from its nearer end, where the first weight cannot vanish.
    """
    if len(controls) > count:
        return controls
    parameter = np.arange(count) / max(count - 1, 1)
    near = parameter <= 0.5
    curve = np.empty((count, 2))
    curve[near] = _bezier_half(controls[::-1], parameter[near])
    curve[~near] = _bezier_half(controls, (np.arange(count)[::-1] / max(count - 1, 1))[~near])
    return curve


def _bezier_half(controls: NDArray[np.float64], parameter: NDArray[np.float64]) -> NDArray[np.float64]:
    """The curve from controls[0] to controls[-1] at parameters <= 1/2, shape (len(parameter), 2)."""
    degree = len(controls) - 1
    factors = np.empty((degree + 1, len(parameter)))
    factors[0] = 1
    for _ in range(degree):  # (1 - t)^degree; a library's power function differs between platforms in the last digit
        factors[0] *= 1 - parameter
    index = np.arange(1, degree + 1)[:, None]
    factors[1:] = (degree + 1 - index) / index * (parameter / (1 - parameter))
    weights = np.cumprod(factors, axis=0)  # (degree + 1, P)
    return np.stack([(weights * controls[:, axis, None]).sum(axis=0) for axis in (0, 1)], axis=1)
