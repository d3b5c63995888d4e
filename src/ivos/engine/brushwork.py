"""What the user painted on a frame's mask itself: labels (H, W) that hold whatever the networks say, 255 elsewhere."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from ivos.core.scribbles import scribble_maps
from ivos.types import VOID, LabelMask, Scribble

PEN_RADIUS = 4
"""Half the width in pixels of the path on which a later stroke takes brushwork away."""


def painted_difference(shown: LabelMask, mask: LabelMask, earlier: LabelMask | None = None) -> LabelMask:
    """The brushwork that turns the shown mask into the given one, on top of earlier brushwork."""
    base = np.full(mask.shape, VOID, np.uint8) if earlier is None else earlier
    return np.where(shown != mask, mask, base)


def scratched(brushwork: LabelMask, scribbles: Iterable[Scribble]) -> LabelMask:
    """The brushwork without the pixels that later strokes run over."""
    strokes = list(scribbles)
    highest = max((stroke.object_id for stroke in strokes), default=0)
    height, width = brushwork.shape
    positive, negative = scribble_maps(strokes, max(1, highest), (height, width), radius=PEN_RADIUS)
    return np.where(((positive + negative) > 0).any(axis=0), np.uint8(VOID), brushwork)
