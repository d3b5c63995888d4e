"""Label masks as COCO JSON with run-length encoded segmentations."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from pycocotools import mask as coco_mask

from ivos.io.atomic import atomic_write
from ivos.types import BACKGROUND, VOID, LabelMask


def write_coco(
    path: str | Path,
    masks: Iterable[tuple[int, LabelMask]],
    names: Mapping[int, str] | None = None,
    files: Sequence[str] | None = None,
) -> None:
    """Write one image entry a frame and one annotation for every object that is in it, whole or not at all.

    Image ids are frame numbers + 1, categories are the objects; `track_id` is the object too. Segmentations are
    compressed RLE as pycocotools reads it.

    Args:
        path: The JSON file.
        masks: (frame, label mask (H, W) uint8); consumed one by one.
        names: The object's name by id; those that are seen and have none are "Object 1" and so on.
        files: The image file's name of every frame of the clip; None: those of DAVIS, 00000.png on.

    Raises:
        OutputError: The file cannot be written.
    """
    images: list[dict[str, Any]] = []
    annotations: list[dict[str, Any]] = []
    for t, mask in masks:
        height, width = mask.shape
        shown = f"{t:05d}.png" if files is None else files[t]
        images.append({"id": t + 1, "file_name": shown, "height": height, "width": width, "frame": t})
        for object_id in np.unique(mask).tolist():
            if object_id in (BACKGROUND, VOID):
                continue
            encoded = coco_mask.encode(np.asfortranarray(mask == object_id, dtype=np.uint8))
            annotations.append(
                {
                    "id": len(annotations) + 1,
                    "image_id": t + 1,
                    "category_id": object_id,
                    "track_id": object_id,
                    "iscrowd": 0,
                    "area": int(coco_mask.area(encoded)),
                    "bbox": [float(value) for value in coco_mask.toBbox(encoded)],
                    "segmentation": {"size": [height, width], "counts": encoded["counts"].decode("ascii")},
                }
            )
    named = {k: f"Object {k}" for k in {annotation["category_id"] for annotation in annotations}} | {**(names or {})}
    categories = [{"id": k, "name": name, "supercategory": "object"} for k, name in sorted(named.items())]
    content = {"images": images, "annotations": annotations, "categories": categories}
    with atomic_write(path) as file:
        file.write(json.dumps(content).encode())
