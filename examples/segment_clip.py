"""Cut one object out of a clip: `python examples/segment_clip.py VIDEO OUT_DIR`."""

import sys

import ivos

frames = ivos.read_video(sys.argv[1])
session = ivos.Session(ivos.load_model(), frames)

# One stroke on the middle frame, through the middle of the picture: (x, y) as fractions of width and height.
middle = len(frames) // 2
session.annotate(middle, [ivos.Scribble(object_id=1, path=[(0.45, 0.5), (0.55, 0.5)])])
for t, mask in session.propagate():
    print(f"frame {t}: {(mask > 0).mean():.1%} of the picture")

# A person would now look at the least trusted frame and correct it there; here the strokes say "this is background".
worst = session.worst_frame()
session.annotate(worst, [ivos.Scribble(object_id=0, path=[(0.05, 0.05), (0.95, 0.05)])])
for _ in session.propagate():
    pass

ivos.export(session, sys.argv[2], format="png")
ivos.export(session, sys.argv[2], format="overlay")
session.save(f"{sys.argv[2]}/session.ivos")
