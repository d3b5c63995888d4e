"""The label masks of a clip as a sequence whose items are made when they are looked at."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import overload

from ivos.types import LabelMask


class Masks(Sequence[LabelMask]):
    """`masks[t]` is the label mask of frame t, shape (H, W) uint8; negative indices count from the end.

    Args:
        mask: Gives the label mask of frame t.
        num_frames: Length of the clip.
    """

    def __init__(self, mask: Callable[[int], LabelMask], num_frames: int) -> None:
        """Nothing is computed yet."""
        self._mask = mask
        self._frames = range(num_frames)

    def __len__(self) -> int:
        """Number of frames."""
        return len(self._frames)

    @overload
    def __getitem__(self, t: int) -> LabelMask: ...
    @overload
    def __getitem__(self, t: slice) -> list[LabelMask]: ...
    def __getitem__(self, t: int | slice) -> LabelMask | list[LabelMask]:
        """One mask, or a list of masks; IndexError beyond the clip."""
        if isinstance(t, slice):
            return [self._mask(index) for index in self._frames[t]]
        return self._mask(self._frames[t])
