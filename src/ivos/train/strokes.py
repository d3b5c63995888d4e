"""Strokes as people and the robot draw them, imitated from a mask: lines, curves, dots, hasty lines."""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy import ndimage
from skimage.morphology import skeletonize

from ivos.core.robot import ROBOT_PRESETS, drawable

Mask = NDArray[np.bool_]
Map = NDArray[np.uint8]
Points = NDArray[np.float64]  # (P, 2) pixel positions x, y

WIDTH = 5  # of a drawn stroke, pixels
KINDS = {"robot": 0.3, "side": 0.24, "part": 0.08, "curve": 0.15, "dots": 0.07, "points": 0.08, "hasty": 0.08}
"""How often each kind of strokes is drawn. Those on a side of the object ask for the rest of it, however it looks."""


def draw(lines: list[Points], size: tuple[int, int], width: int = WIDTH) -> Map:
    """The lines drawn on a map of `size` (H, W): 1 where a stroke is, 0 elsewhere."""
    canvas = Image.new("L", (size[1], size[0]))
    pen = ImageDraw.Draw(canvas)
    for line in lines:
        if len(line) > 1:
            pen.line([tuple(p) for p in line.tolist()], fill=1, width=width, joint="curve")
        for x, y in (line[0], line[-1]):
            pen.ellipse((x - width // 2, y - width // 2, x + width // 2, y + width // 2), fill=1)
    return np.asarray(canvas)


def stroke_map(region: Mask, rng: np.random.Generator) -> Map:
    """One person's strokes on a region (H, W), as a map; nothing is drawn on an empty region."""
    if not region.any():
        return np.zeros(region.shape, np.uint8)
    kinds, shares = zip(*KINDS.items(), strict=True)
    kind = rng.choice(kinds, p=shares)
    if kind == "robot":
        return robot_map(region)
    if kind == "side":
        return robot_map(random_part(region, rng))
    if kind == "part":
        line = max(longest_lines(region), key=len)
        begin, end = (int(share * len(line)) for share in sorted(rng.uniform(0, 1, 2)))
        return draw([line[begin : max(end, begin + 1)]], region.shape)
    if kind == "dots":
        return draw([p[None] for p in inner_points(region, int(rng.integers(1, 4)), rng)], region.shape)
    if kind == "points":
        count = int(np.clip(region.sum() / rng.uniform(100, 3000), 1, 60))
        return draw([p[None] for p in inner_points(region, count, rng, deep=0.0)], region.shape)
    lines = [curve(region, rng) for _ in range(1 + int(rng.random() < 0.3))]
    drawn = draw(lines, region.shape)
    if kind == "hasty":
        return np.asarray(drawn * ndimage.binary_dilation(region, iterations=int(rng.integers(1, 7))))
    return drawn * region


def inner_points(region: Mask, count: int, rng: np.random.Generator, deep: float = 0.35) -> Points:
    """Random points (count, 2) whose depth inside the region is at least a share `deep` of the greatest depth."""
    depth = ndimage.distance_transform_edt(np.pad(region, 1))[1:-1, 1:-1]
    ys, xs = np.nonzero((depth >= deep * depth.max()) & region)
    pick = rng.integers(0, len(ys), count)
    return np.stack((xs[pick], ys[pick]), axis=1).astype(np.float64)


def curve(region: Mask, rng: np.random.Generator) -> Points:
    """A smooth line through a few inner points, in an order along the region's main direction."""
    anchors = inner_points(region, int(rng.integers(2, 6)), rng, deep=0.2)
    direction = anchors - anchors.mean(axis=0)
    axis = np.linalg.svd(direction, full_matrices=False)[2][0]
    anchors = anchors[np.argsort(direction @ axis)]
    steps = np.linspace(0, len(anchors) - 1, 24)
    line = np.stack([np.interp(steps, range(len(anchors)), anchors[:, i]) for i in (0, 1)], axis=1)
    return np.asarray(ndimage.gaussian_filter1d(line, 1.5, axis=0, mode="nearest"))


def robot_map(region: Mask) -> Map:
    """The strokes that the DAVIS robot draws on a region (H, W) that is not empty, as a map: a line a part."""
    return draw(longest_lines(region), region.shape)


def longest_lines(region: Mask) -> list[Points]:
    """The longest path along the skeleton of each part of what the robot draws on, at least one.

    They are as smooth as the robot's curves: each of their n control points spreads over about the root of n pixels.
    """
    thick = drawable(region, ROBOT_PRESETS["davis"])
    skeleton = skeletonize(thick if thick.any() else region)  # type: ignore[no-untyped-call]
    cells = {(int(y), int(x)) for y, x in np.argwhere(skeleton)}
    paths: list[list[tuple[int, int]]] = []
    while cells:
        far, seen = _walk(next(iter(cells)), cells)
        paths.append(_path(_walk(far, cells)[1], far))
        cells -= seen.keys()
    if not paths:
        return [np.argwhere(region).mean(axis=0)[None, ::-1]]
    long = [path for path in paths if len(path) >= ROBOT_PRESETS["davis"].min_nb_nodes] or [max(paths, key=len)]
    lines = [np.array(path, dtype=np.float64)[:, ::-1] for path in long]
    return [ndimage.gaussian_filter1d(line, np.sqrt(len(line)) / 2, axis=0, mode="nearest") for line in lines]


def _walk(
    start: tuple[int, int], cells: set[tuple[int, int]]
) -> tuple[tuple[int, int], dict[tuple[int, int], tuple[int, int]]]:
    """The last cell met breadth-first from `start`, and where each cell was reached from."""
    came: dict[tuple[int, int], tuple[int, int]] = {start: start}
    queue, last = deque([start]), start
    while queue:
        last = queue.popleft()
        y, x = last
        for near in ((y + dy, x + dx) for dy in (-1, 0, 1) for dx in (-1, 0, 1)):
            if near in cells and near not in came:
                came[near] = last
                queue.append(near)
    return last, came


def _path(came: dict[tuple[int, int], tuple[int, int]], start: tuple[int, int]) -> list[tuple[int, int]]:
    end = next(reversed(came))
    path = [end]
    while path[-1] != start:
        path.append(came[path[-1]])
    return path


def background_map(truth: Mask, rng: np.random.Generator) -> Map:
    """A negative stroke somewhere round the object, as a map."""
    near = ndimage.binary_dilation(truth, iterations=int(rng.integers(4, 40))) & ~ndimage.binary_dilation(
        truth, iterations=2
    )
    if near.sum() < 30:
        return np.zeros(truth.shape, np.uint8)
    ys, xs = np.nonzero(near)
    first = int(rng.integers(len(ys)))
    reach = (abs(ys - ys[first]) < 40) & (abs(xs - xs[first]) < 40)
    pick = rng.choice(np.nonzero(reach)[0], int(rng.integers(1, 5)))
    return np.asarray(draw([np.stack((xs[pick], ys[pick]), axis=1).astype(np.float64)], truth.shape) * ~truth)


def correction_maps(prediction: Mask, truth: Mask, rng: np.random.Generator) -> tuple[Map, Map]:
    """Positive and negative strokes on the largest wrong regions of a prediction, as a corrector would draw them."""
    maps = []
    for wrong in (truth & ~prediction, prediction & ~truth):
        drawn = np.zeros(truth.shape, np.uint8)
        labels, count = ndimage.label(ndimage.binary_opening(wrong) if wrong.sum() > 400 else wrong)
        if count:
            areas = np.bincount(labels.ravel())[1:]
            for label in np.argsort(areas)[::-1][: int(rng.integers(1, 3))]:
                if areas[label] >= 12:
                    drawn |= stroke_map(labels == label + 1, rng)
        maps.append(drawn)
    return maps[0], maps[1]


def random_part(region: Mask, rng: np.random.Generator) -> Mask:
    """A tenth to six tenths of a region (H, W) that is not empty: what lies on one side of a random line."""
    side = rng.normal(size=2)
    along = np.indices(region.shape).transpose(1, 2, 0) @ side
    return np.asarray(region & (along <= np.quantile(along[region], rng.uniform(0.1, 0.6))))


def spoiled(truth: Mask, rng: np.random.Generator) -> NDArray[np.float32]:
    """A previous mask as rounds leave it: the truth moved, bent, grown or shrunk, with parts lost or added.

    Returns:
        Probabilities (H, W) in [0, 1].
    """
    h, w = truth.shape
    zoom, angle = rng.normal(1, 0.05), rng.normal(0, 0.06)
    turn = zoom * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    centre = np.argwhere(truth).mean(axis=0) if truth.any() else np.array([h / 2, w / 2])
    extent = np.sqrt(max(truth.sum(), 1))
    shift = rng.normal(0, 0.04, 2) * extent
    small = ndimage.affine_transform(
        truth.astype(np.float32), turn, centre - turn @ centre + shift, order=1, mode="constant"
    )
    noise = ndimage.zoom(rng.normal(0, 1, (6, 6)), (h / 6, w / 6), order=1)[:h, :w]
    field = ndimage.gaussian_filter(small, rng.uniform(1, 4)) + rng.uniform(0, 0.35) * noise * (rng.random() < 0.6)
    field = field + rng.normal(0, 0.12)
    if rng.random() < 0.3 and truth.any():  # a part is lost
        side = rng.normal(size=2)
        grid = np.indices((h, w)).transpose(1, 2, 0) - centre
        field[(grid @ side / np.linalg.norm(side)) > rng.uniform(0, 0.5) * extent] = 0
    if rng.random() < 0.25:  # something else was taken along
        y, x, r = rng.integers(0, h), rng.integers(0, w), rng.uniform(0.05, 0.4) * extent + 4
        ys, xs = np.ogrid[:h, :w]
        field[(ys - y) ** 2 + (xs - x) ** 2 * rng.uniform(0.4, 2) < r * r] = 1
    sharp = rng.uniform(4, 14)
    return np.asarray(1 / (1 + np.exp(-sharp * (field - 0.5))), dtype=np.float32)
