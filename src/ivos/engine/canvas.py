"""Between the user's frames and the networks: resize, pad, and the way back from logits to full-size masks."""

from __future__ import annotations

import math
import weakref
from collections.abc import Collection, Sequence
from dataclasses import replace
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from ivos.core.fusion import fuse
from ivos.core.geometry import pad_to_multiple, unpad, upsample_logits, working_size
from ivos.core.guided import at_outline, guided_correction
from ivos.core.matte import margin, soft_alpha
from ivos.engine.regions import FrameRegions
from ivos.engine.state import LOGIT_LIMIT, FrameResult
from ivos.errors import InputError
from ivos.model.config import ModelConfig
from ivos.types import BACKGROUND, VOID, Frames, LabelMask, check_frames

STRIDE = 4
"""Pixels of the padded frame a logit cell."""
UNSURE = 3.0
"""Pixels whose resized logits are nearer to the decision than this are looked at in the frame."""
PIXELS_BYTES, COLOURS_BYTES = 64 << 20, 32 << 20
"""Memory for parts of frames around outlines and for the mean colours of cells; others are read and computed again."""


class Canvas:
    """The working geometry of one clip: full size -> working size (short side limited) -> padded size.

    Args:
        frames: The clip; a frame is read when its image or its mask is asked for.
        resolution: The short side's limit in pixels; None works at full size.
        config: How the networks want their frames padded and their maps resized.
        device: Where the networks live.

    Raises:
        InputError: The clip has no frames or is none, or the limit is no positive integer.
    """

    def __init__(self, frames: Frames, resolution: int | None, config: ModelConfig, device: torch.device):
        """Work out the sizes."""
        check_frames(frames)
        if len(frames) == 0:
            raise InputError("The clip has no frames; expected at least one.")
        if resolution is not None and (not isinstance(resolution, int | np.integer) or resolution < 1):
            raise InputError(
                f"The resolution is {resolution!r}; expected the short side in pixels, or None for full size."
            )
        self.size = size = frames.size
        self.working = size if resolution is None else working_size(size, int(resolution))
        self._pixels = lru_cache(2)(frames.__getitem__)
        self._regions = FrameRegions(self._pixels, PIXELS_BYTES)
        self._config = config
        self._device = device
        blank, self.padding = pad_to_multiple(
            torch.zeros(1, 1, *self.working), config.pad_multiple, mode=config.pad_mode, always=config.always_pad
        )
        height, width = blank.shape[-2:]
        self.padded = (height, width)
        self.cells = (height // STRIDE, width // STRIDE)
        new, old = (torch.tensor(each, device=device, dtype=torch.float32) for each in (self.working, size))
        self._scale = new / old
        self._before = torch.tensor((self.padding.top, self.padding.left), device=device)
        me = weakref.proxy(self)  # caches of bound methods would keep a canvas that nobody uses any more
        self.image = lru_cache(2)(lambda t: me._image(t))  # noqa: PLW0108
        """`image(t)`: the networks' input for frame t, RGB in [0, 1], shape (1, 3, *padded); InputError if the frame is
        not uint8 RGB of the clip's size."""
        kept = max(1, COLOURS_BYTES // (6 * self.cells[0] * self.cells[1]))
        self._colours = lru_cache(kept)(lambda t: me._mean_colours(t))  # noqa: PLW0108

    def _image(self, t: int) -> Tensor:
        pixels = self._pixels(t)
        if pixels.shape != (*self.size, 3) or pixels.dtype != np.uint8:
            raise InputError(
                f"Frame {t} has shape {pixels.shape} and type {pixels.dtype}; expected {(*self.size, 3)} and uint8 "
                "like the rest of the clip."
            )
        whole = np.ascontiguousarray(pixels)  # channels turned round, say, have negative strides
        image = torch.tensor(whole, device=self._device).permute(2, 0, 1)[None].float() / 255  # (1, 3, H, W)
        if self.working != self.size:
            image = F.interpolate(image, self.working, mode="bilinear", align_corners=False, antialias=True)
        config = self._config
        return pad_to_multiple(image, config.pad_multiple, mode=config.pad_mode, always=config.always_pad)[0]

    def maps(self, maps: NDArray[np.float32]) -> Tensor:
        """Maps of K objects at working size (K, *working) as network input (K, 1, *padded)."""
        return self._padded_maps(torch.from_numpy(maps)[:, None].to(self._device))

    def brush_maps(self, brushwork: LabelMask, ids: Sequence[int]) -> tuple[Tensor, Tensor]:
        """Where brushwork (*size) says that each object is and is not, each (K', 1, *padded), shares in [0, 1]."""
        own = object_rows(brushwork, ids)
        maps = np.stack([own, ~own & (brushwork != VOID)]).astype(np.float32)
        on_device = torch.from_numpy(maps).to(self._device)  # (2, K', H, W)
        if self.working != self.size:
            on_device = F.interpolate(on_device, self.working, mode="bilinear", align_corners=False, antialias=True)
        inside, outside = self._padded_maps(on_device)
        return inside[:, None], outside[:, None]

    def painted_probability(self, result: FrameResult, ids: Sequence[int]) -> Tensor:
        """The probability of some objects over the padded frame, brushwork certain, shape (K', 1, *padded)."""
        probability = self.padded_probability(result.rows(ids))
        if result.brushwork is None:
            return probability
        inside, outside = self.brush_maps(result.brushwork, ids)
        return (probability * (1 - inside - outside) + inside).clamp(0, 1)

    def previous_mask(self, result: FrameResult, ids: Sequence[int]) -> Tensor:
        """A-Net's previous mask of some objects of a result, shape (K', 1, *padded), in [0, 1]."""
        if self._config.previous_mask == "probability":
            return self.painted_probability(result, ids)
        probability = unpad(self.painted_probability(result, result.objects), self.padding)[:, 0]
        labels = _named(fuse(probability, self._config.fusion_threshold).cpu().numpy(), result.objects)
        return self.maps(np.stack([labels == k for k in ids]).astype(np.float32))

    def cell_logits(self, result: FrameResult, ids: Sequence[int]) -> Tensor:
        """The logits of some objects with the brushwork in them, shape (K', 1, *cells), float32."""
        cells = torch.tensor(result.rows(ids), dtype=torch.float32, device=self._device)[:, None]
        if result.brushwork is None:
            return cells
        inside, outside = (F.avg_pool2d(each, STRIDE) for each in self.brush_maps(result.brushwork, ids))
        painted = (cells.sigmoid() * (1 - inside - outside) + inside).clamp(0, 1)
        return painted.logit().clamp(-LOGIT_LIMIT, LOGIT_LIMIT)

    def padded_probability(self, logits: NDArray[np.float16]) -> Tensor:
        """The probability over the padded frame, shape (K, 1, *padded), from logits (K, *cells)."""
        cells = torch.from_numpy(logits)[:, None].to(self._device).float()
        return upsample_logits(cells, self.padded, align_corners=self._config.align_corners).sigmoid()

    def full_logits(self, logits: NDArray[np.float16]) -> Tensor:
        """Logits (K, *cells) resized bilinearly to full size, shape (K, *size)."""
        aligned = self._config.align_corners
        cells = torch.from_numpy(logits)[:, None].to(self._device).float()
        full = unpad(upsample_logits(cells, self.padded, align_corners=aligned), self.padding)
        if self.working != self.size:
            full = upsample_logits(full, self.size, align_corners=False)  # as the image was shrunk
        return full[:, 0]

    def probability(self, t: int, logits: NDArray[np.float16]) -> NDArray[np.float32]:
        """The probability at full size in frame t, shape (K, *size), from logits (K, *cells)."""
        return self._full_probability(t, logits).cpu().numpy()

    def label_mask(self, t: int, logits: NDArray[np.float16]) -> LabelMask:
        """The label mask at full size in frame t, shape `size`, from logits (K, *cells)."""
        return fuse(self._full_probability(t, logits), self._config.fusion_threshold).cpu().numpy()

    def shown(self, t: int, result: FrameResult | None, without: Collection[int] = ()) -> LabelMask:
        """The label mask of a result at full size, shape `size`, brushwork and held strokes exact to the pixel.

        Args:
            t: The frame.
            result: Its result; None: no round has arrived there, the mask is empty.
            without: Ids of objects to leave out, as if they were not there.
        """
        if result is None:
            return np.zeros(self.size, np.uint8)
        ids = [k for k in result.objects if k not in without]
        return self._shown(result, self._full_probability(t, result.rows(ids)) if ids else None, ids, without)

    def _shown(
        self, result: FrameResult, probability: Tensor | None, ids: Sequence[int], without: Collection[int]
    ) -> LabelMask:
        """As `shown`, from the probability (K', *size) of the objects `ids`; None if there are none."""
        mask = np.zeros(self.size, np.uint8)
        if probability is not None:
            mask = _named(fuse(probability, self._config.fusion_threshold).cpu().numpy(), ids)
        certain = result.certain
        if certain is None:
            return mask
        return np.where(np.isin(certain, [VOID, *without], invert=True), certain, mask)

    def locking(
        self,
        t: int,
        result: FrameResult,
        before: FrameResult | None,
        locked: Collection[int],
        without: Collection[int] = (),
    ) -> tuple[FrameResult, LabelMask]:
        """A result in which locked objects are shown on the same pixels as before, and its label mask.

        Args:
            t: The frame.
            result: Its new result.
            before: Its result so far; None: there is none.
            locked: Ids of the locked objects.
            without: As of `shown`.
        """
        old, new = self.shown(t, before, without), self.shown(t, result, without)
        theirs = np.isin(old, list(locked))
        wrong = (old != new) & (theirs | np.isin(new, list(locked)))
        if not wrong.any():
            return result, new
        held = np.full(self.size, VOID, np.uint8) if result.held is None else result.held
        result = replace(result, held=np.where(wrong, np.where(theirs, old, np.uint8(BACKGROUND)), held))
        return result, self.shown(t, result, without)

    def exact_probability(self, t: int, result: FrameResult | None, ids: Sequence[int]) -> NDArray[np.float32]:
        """The probability of each object of `ids` in frame t at full size, (len(ids), *size), that agrees with `shown`:
        brushwork and held strokes are sure; 0 for objects that the result does not have.
        """
        probability = np.zeros((len(ids), *self.size), np.float32)
        if result is None:
            return probability
        if result.objects:
            there = self.probability(t, result.logits)
            for k in set(result.objects).intersection(ids):
                probability[ids.index(k)] = there[result.objects.index(k)]
        if result.held is not None:
            held = object_rows(result.held, ids)
            wrong = (result.held != VOID) & ((probability >= self._config.fusion_threshold) != held)
            probability[wrong] = held[wrong]
        if result.brushwork is not None:
            painted = result.brushwork != VOID
            probability[:, painted] = object_rows(result.brushwork, ids)[:, painted]
        return probability

    def alpha(
        self, t: int, result: FrameResult | None, objects: Sequence[int], without: Collection[int] = ()
    ) -> NDArray[np.uint8]:
        """The alpha channel of some objects together, shape `size`: above 127 exactly where `shown` shows one of them.

        Args:
            t: The frame.
            result: Its result; None: no round has arrived there, alpha is 0.
            objects: Ids of the objects.
            without: As of `shown`.
        """
        if result is None:
            return np.zeros(self.size, np.uint8)
        ids = [k for k in result.objects if k not in without]
        probability = self._full_probability(t, result.rows(ids)) if ids else None
        inside, chosen = np.isin(self._shown(result, probability, ids, without), objects), np.isin(ids, objects)
        if probability is None or not chosen.any():  # painted by hand, or not there at all
            return np.where(inside, np.uint8(255), np.uint8(0))
        margins = margin(probability.cpu().numpy(), chosen, self._config.fusion_threshold)
        return soft_alpha(inside, margins, result.certain)

    def cell_mask(self, result: FrameResult | None, without: Collection[int] = ()) -> LabelMask:
        """The label mask of a result at stride 4 of the padded frame, shape `cells`; arguments as of `shown`."""
        ids = [k for k in result.objects if k not in without] if result else []
        if not result or not ids:
            return np.zeros(self.cells, np.uint8)
        probability = self.cell_logits(result, ids)[:, 0].sigmoid()
        return _named(fuse(probability, self._config.fusion_threshold).cpu().numpy(), ids)

    def _padded_maps(self, maps: Tensor) -> Tensor:
        config = self._config
        return pad_to_multiple(maps, config.pad_multiple, mode=config.map_pad_mode, always=config.always_pad)[0]

    def _full_probability(self, t: int, logits: NDArray[np.float16]) -> Tensor:
        full = self.full_logits(logits)
        if self._config.guided:
            threshold = self._config.fusion_threshold
            decision = math.log(threshold / (1 - threshold))
            for resized, cells in zip(full, torch.from_numpy(logits).to(self._device).float(), strict=True):
                self._guide(t, resized, cells, decision)
        return full.sigmoid()

    def _guide(self, t: int, resized: Tensor, cells: Tensor, decision: float) -> None:
        """Let the outline of one object's resized logits (*size) follow the edges of frame t; cells: shape (*cells)."""
        margins = cells - decision
        outline = at_outline(margins)
        unsure = ((resized - decision).abs() < UNSURE).nonzero()
        positions = ((unsure + 0.5) * self._scale + self._before) / STRIDE - 0.5
        y, x = positions.round().long().unbind(dim=1)
        near = outline[y, x]
        y, x = unsure[near].unbind(dim=1)
        if not len(y):
            return
        pixels = torch.from_numpy(self._regions.colours(t, y.cpu().numpy(), x.cpu().numpy())).to(self._device) / 255
        resized[y, x] += guided_correction(margins, self._colours(t).float(), positions[near], pixels)

    def _mean_colours(self, t: int) -> Tensor:
        """The mean colour of each cell of frame t, shape (*cells, 3), half precision."""
        return F.avg_pool2d(self.image(t), STRIDE)[0].permute(1, 2, 0).contiguous().half()


def object_rows(labels: LabelMask, ids: Sequence[int]) -> NDArray[np.bool_]:
    """Where a label mask (H, W) shows each of some objects, shape (K', H, W)."""
    rows: NDArray[np.bool_] = labels == np.array(ids, np.int16)[:, None, None]
    return rows


def _named(rows: LabelMask, ids: Sequence[int]) -> LabelMask:
    """A mask of row numbers 1..K' as a mask of object ids."""
    if list(ids) == list(range(1, len(ids) + 1)):
        return rows
    return np.array([0, *ids], np.uint8)[rows]
