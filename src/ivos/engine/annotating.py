"""What a user's hand does to a state: strokes, and paint on the mask itself."""

from __future__ import annotations

import numpy as np

from ivos.engine.brushwork import painted_difference, scratched
from ivos.engine.segmenter import ClipSegmenter
from ivos.engine.state import State
from ivos.types import BACKGROUND, Annotation, LabelMask


def scribbled(segmenter: ClipSegmenter, state: State, annotation: Annotation) -> State:
    """The state with more strokes on a frame; paint below them is taken away, other paint stays."""
    frame, waiting, shown = annotation.frame, state.pending.get(annotation.frame), state.shown(annotation.frame)
    strokes = (*(waiting.scribbles if waiting else ()), *annotation.scribbles)
    brushwork = None if shown is None else shown.brushwork
    if brushwork is not None:
        brushwork = scratched(brushwork, annotation.scribbles)
    objects = state.drawn_objects(frame, strokes)
    return state.annotated(frame, segmenter.annotate(state, frame, strokes, objects=objects, brushwork=brushwork))


def painted(segmenter: ClipSegmenter, state: State, frame: int, mask: LabelMask) -> State:
    """The state in which a frame shows exactly `mask`, (H, W) labels 0..K; what differs so far is brushwork."""
    waiting, shown = state.pending.get(frame), state.shown(frame)
    before = segmenter.canvas.shown(frame, shown)
    brushwork = painted_difference(before, mask, None if shown is None else shown.brushwork)
    strokes = waiting.scribbles if waiting else ()
    objects = sorted({*state.drawn_objects(frame, strokes), *np.unique(mask).tolist()} - {BACKGROUND})
    return state.annotated(frame, segmenter.annotate(state, frame, strokes, objects=objects, brushwork=brushwork))
