"""Reading video files: exact random access, rotation, odd sizes, damage."""

from __future__ import annotations

import contextlib
import errno
import os
import pickle
import struct
import subprocess
import sys
import threading
import warnings
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.stream import Disposition
from PIL import Image

from ivos.errors import InputError
from ivos.io.images import ArrayFrames
from ivos.io.video import VideoFile, own_reader, read_video
from ivos.types import Frames


def make_video(path, count=40, size=(48, 64), codec="libx264", gop=12, times=None, rotation=None, options=None, **mux):
    """Write a clip: white top left, noise top right, and below a grey `level(t)` that tells the frames apart."""
    noise = np.random.default_rng(0)
    height, width = size
    with av.open(str(path), "w", options=mux) as container:
        stream = container.add_stream(codec, rate=25, options=options or {})
        stream.width, stream.height = width, height
        stream.pix_fmt = "yuv444p" if width % 2 or height % 2 else "yuv420p"
        stream.codec_context.gop_size = gop
        if times is not None:
            stream.codec_context.time_base = Fraction(1, 1000)
        if rotation is not None:
            stream.set_display_rotation(rotation)
        for t in range(count):
            pixels = np.full((height, width, 3), level(t), dtype=np.uint8)
            pixels[: height // 2] = noise.integers(0, 100, (height // 2, width, 1), dtype=np.uint8)
            pixels[: height // 2, : width // 2] = 255
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            if times is not None:
                frame.pts, frame.time_base = times[t], Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def refuse(*_, **__):
    raise PermissionError(errno.EACCES, "Permission denied")


def level(t):
    """The grey value of frame t."""
    return 10 + 5 * (t % 48)


def shown(frames, t):
    """The grey value that is read at frame t."""
    height, width = frames.size
    return int(frames[t][height // 2 :, width // 2 :].mean().round())


def assert_exact(frames, order):
    for t in order:
        assert abs(shown(frames, t) - level(t)) <= 2, t


VP9 = {"cpu-used": "8", "deadline": "realtime"}
ORDERS = {
    "forward": range,
    "backward": lambda n: reversed(range(n)),
    "jumps": lambda n: np.random.default_rng(1).integers(0, n, 60).tolist(),
}


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize(
    ("name", "codec", "options"),
    [
        ("a.mp4", "libx264", {"bf": "3"}),
        ("open-gop.mp4", "libx264", {"bf": "3", "x264-params": "open-gop=1:scenecut=0"}),
        ("refresh.mp4", "libx264", {"x264-params": "intra-refresh=1:scenecut=0"}),
        ("hevc.mp4", "libx265", {"x265-params": "log-level=none:open-gop=1:bframes=3"}),
        ("a.mkv", "libx264", {}),
        ("a.ts", "libx264", {}),
        ("a.avi", "mpeg4", {"bf": "2", "qmin": "1", "qmax": "2"}),
        ("a.webm", "libvpx-vp9", VP9),
        ("hidden.webm", "libvpx", {"auto-alt-ref": "1", "lag-in-frames": "16"}),
    ],
)
def test_access_is_exact_in_any_order(tmp_path, name, codec, options, order):
    frames = read_video(make_video(tmp_path / name, codec=codec, options=options))
    assert isinstance(frames, Frames)
    assert len(frames) == 40
    assert frames.size == (48, 64)
    assert frames.fps == pytest.approx(25, abs=0.01)
    assert_exact(frames, ORDERS[order](40))


@pytest.mark.parametrize("order", ORDERS)
def test_access_is_exact_when_the_cache_holds_three_frames(tmp_path, order):
    path = make_video(tmp_path / "a.mp4", gop=20)
    assert_exact(VideoFile(path, cache_bytes=3 * 48 * 64 * 3), ORDERS[order](40))


@pytest.mark.parametrize(
    ("matrix", "expected"),
    [
        ((-1, 0, 0, 1), lambda pixels: pixels[:, ::-1]),
        ((1, 0, 0, -1), lambda pixels: pixels[::-1]),
        ((0, 1, 1, 0), lambda pixels: pixels.T),
        ((0, -1, -1, 0), lambda pixels: pixels[::-1, ::-1].T),
    ],
)
def test_mirrored_videos_are_read_as_they_are_shown(tmp_path, matrix, expected):
    path = make_video(tmp_path / "m.mp4", count=2)
    content = bytearray(path.read_bytes())
    place = content.index(b"tkhd") + 44  # of a version 0 track header's matrix
    a, b, c, d = (each << 16 for each in matrix)
    content[place : place + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path.write_bytes(content)
    white = np.zeros((48, 64), dtype=bool)
    white[:24, :32] = True
    shown = read_video(path)[0][..., 0] > 200
    assert shown.shape == expected(white).shape
    assert (shown == expected(white)).mean() > 0.9


def test_a_cover_picture_is_no_video(tmp_path):
    path = tmp_path / "song.m4a"
    with av.open(str(path), "w", format="mp4") as container:
        cover = container.add_stream("mjpeg", rate=25)
        cover.width, cover.height, cover.pix_fmt = 32, 32, "yuvj420p"
        cover.disposition = Disposition.attached_pic
        sound = container.add_stream("aac", rate=8000, layout="mono")
        picture = av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8), format="rgb24")
        container.mux([*cover.encode(picture), *cover.encode(None)])
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 8000), np.float32), format="fltp", layout="mono")
        silence.rate = 8000
        container.mux([*sound.encode(silence), *sound.encode(None)])
    with av.open(str(path)) as container:
        assert len(container.streams.video) == 1
    with pytest.raises(InputError, match="has no video stream"):
        read_video(path)


def test_going_backward_decodes_a_group_of_pictures_once(tmp_path, monkeypatch):
    frames = VideoFile(make_video(tmp_path / "a.mp4", gop=20, options={"bf": "0", "sc_threshold": "0"}))
    runs = []
    start = VideoFile._start_run
    monkeypatch.setattr(VideoFile, "_start_run", lambda self, t: (runs.append(t), start(self, t))[1])
    assert_exact(frames, reversed(range(40)))
    assert runs == [20, 0]


def test_two_readers_of_a_file_do_not_cost_each_other_their_place(tmp_path, monkeypatch):
    first = VideoFile(make_video(tmp_path / "a.mp4", gop=40), cache_bytes=3 * 48 * 64 * 3)
    runs = []
    start = VideoFile._start_run
    monkeypatch.setattr(VideoFile, "_start_run", lambda self, t: (runs.append(t), start(self, t))[1])
    second = own_reader(first)
    for t in range(20):
        assert_exact(first, [t])
        assert_exact(second, [t + 20])
    assert len(runs) <= 2
    assert (len(second), second.size, second.fps) == (len(first), first.size, first.fps)
    held = ArrayFrames(np.zeros((2, 4, 4, 3), np.uint8))
    assert own_reader(held) is held


def test_a_relative_path_outlasts_a_change_of_folder(tmp_path, monkeypatch):
    make_video(tmp_path / "a.mp4", gop=8)
    monkeypatch.chdir(tmp_path)
    frames = VideoFile("a.mp4", cache_bytes=1)
    assert_exact(frames, [39])
    monkeypatch.chdir("/")
    assert_exact(frames, [0, 20])


def test_a_reader_travels_to_other_processes(tmp_path):
    frames = read_video(make_video(tmp_path / "a.mp4"))
    assert_exact(frames, [30])
    assert_exact(pickle.loads(pickle.dumps(frames)), [30, 3])
    script = """
import gc, os, sys
from ivos.io.video import read_video
gc.disable()
frames, dropped = read_video(sys.argv[1]), read_video(sys.argv[1])
before = frames[30].tobytes()
dropped[20]
del dropped
child = os.fork()
if not child:
    same = frames[30].tobytes() == before and frames[3].shape
    gc.collect()
    os._exit(0 if same else 1)
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    if hasattr(os, "fork"):
        subprocess.run([sys.executable, "-c", script, str(tmp_path / "a.mp4")], check=True, timeout=60)


@pytest.mark.parametrize("name", ["a.mp4", "a.ts"])
def test_progress_sees_every_frame_that_is_looked_for(tmp_path, name):
    seen = []

    def progress(frames):
        for frame in frames:
            yield frame
            seen.append("frame")
        seen.append("end")

    path = make_video(tmp_path / name, count=8)
    assert len(read_video(path, progress=progress)) == 8
    assert seen == ["frame"] * 8 + ["end"]


def test_variable_frame_rate(tmp_path):
    times = np.cumsum(np.random.default_rng(0).integers(10, 90, 30)).tolist()
    frames = read_video(make_video(tmp_path / "vfr.mp4", count=30, times=times))
    assert frames.rate_varies
    assert not read_video(make_video(tmp_path / "steady.mp4", count=5)).rate_varies
    assert not read_video(make_video(tmp_path / "one.mp4", count=1)).rate_varies
    assert len(frames) == 30
    matroska = read_video(make_video(tmp_path / "vfr.mkv", count=30, times=times))  # its header says 25
    for each in (frames, matroska):
        assert each.fps == pytest.approx(1000 * 29 / (times[-1] - times[0]), rel=0.05)
    assert_exact(frames, [29, 0, 15, *range(30)])


@pytest.mark.parametrize("rotation", [0, 90, -90, 180])
def test_rotation_is_honoured(tmp_path, rotation):
    frames = read_video(make_video(tmp_path / "r.mp4", count=3, rotation=rotation))
    expected = np.zeros((48, 64), dtype=bool)
    expected[:24, :32] = True
    expected = np.rot90(expected, rotation // 90)  # the display matrix turns counter-clockwise
    assert frames.size == expected.shape
    assert frames[1].flags.c_contiguous
    white = frames[1][..., 0] > 200
    assert (white == expected).mean() > 0.9


@pytest.mark.parametrize("size", [(1, 1), (1, 7), (33, 17)])
def test_tiny_and_odd_sizes(tmp_path, size):
    path = make_video(tmp_path / "odd.mkv", count=4, size=size, codec="ffv1")
    frames = read_video(path)
    assert frames.size == size
    assert frames[3].shape == (*size, 3)
    assert abs(shown(frames, 3) - level(3)) <= 2


def test_one_frame(tmp_path):
    frames = read_video(make_video(tmp_path / "one.mp4", count=1))
    assert len(frames) == 1
    assert_exact(frames, [0, 0, -1 + len(frames)])


def test_indices(tmp_path):
    frames = read_video(make_video(tmp_path / "a.mp4", count=5))
    assert shown(frames, -1) == shown(frames, np.int64(4))
    with pytest.raises(IndexError, match="0 to 4"):
        frames[5]
    with pytest.raises(IndexError):
        frames[-6]
    assert len(list(frames)) == 5


def test_frames_are_copies(tmp_path):
    frames = read_video(make_video(tmp_path / "a.mp4", count=2))
    frames[0][:] = 0
    assert frames[0].max() > 200


def test_threads_read_the_right_frames(tmp_path):
    frames = VideoFile(make_video(tmp_path / "a.mp4"), cache_bytes=0)
    wrong = []

    def read(seed):
        for t in np.random.default_rng(seed).integers(0, 40, 20).tolist():
            if abs(shown(frames, t) - level(t)) > 2:
                wrong.append(t)

    threads = [threading.Thread(target=read, args=(seed,)) for seed in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


@pytest.mark.parametrize("share", [0.4, 0.6, 0.8, 0.95])
@pytest.mark.parametrize("options", [{"bf": "0"}, {"bf": "3"}])
def test_truncated_mp4_uses_the_frames_up_to_the_damage(tmp_path, share, options):
    path = make_video(tmp_path / "a.mp4", count=40, options=options, movflags="faststart")
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    with pytest.warns(UserWarning, match="damaged or incomplete") as caught:
        frames = read_video(path)
    assert len(caught) == 1
    assert 0 < len(frames) < 40
    assert f"first {len(frames)} of 40 frames" in str(caught[0].message)
    assert caught[0].filename == __file__
    assert_exact(frames, reversed(range(len(frames))))
    assert_exact(frames, range(len(frames)))


def test_truncated_fragments(tmp_path):
    path = make_video(tmp_path / "a.mp4", count=40, movflags="frag_keyframe+empty_moov")
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * 0.7)])
    with pytest.warns(UserWarning, match=r"only its first \d+ frames can be used"):
        frames = read_video(path)
    assert_exact(frames, range(len(frames)))


@pytest.mark.parametrize("share", [0.4, 0.7, 0.95])
@pytest.mark.parametrize(
    ("codec", "options"), [("libx264", {"bf": "3"}), ("mpeg4", {"qmin": "1", "qmax": "2"}), ("libvpx-vp9", VP9)]
)
def test_an_mp4_whose_end_was_never_filled_in_is_a_truncated_one(tmp_path, codec, options, share):
    path = make_video(tmp_path / "a.mp4", codec=codec, options=options, movflags="faststart")
    whole = path.read_bytes()
    there = int(len(whole) * share)
    path.write_bytes(whole[:there] + bytes(len(whole) - there))
    with pytest.warns(UserWarning, match="damaged or incomplete") as caught:
        frames = read_video(path)
    assert 0 < len(frames) < 40
    assert f"first {len(frames)} of 40 frames" in str(caught[0].message)
    assert_exact(frames, reversed(range(len(frames))))
    assert_exact(frames, range(len(frames)))


def test_black_frames_without_loss_are_no_damage(tmp_path):
    path = tmp_path / "black.mov"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("rawvideo", rate=25)
        stream.width, stream.height, stream.pix_fmt = 16, 16, "rgb24"
        for _ in range(5):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((16, 16, 3), np.uint8), format="rgb24")))
        container.mux(stream.encode(None))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(read_video(path)) == 5


@pytest.mark.parametrize("filled", [False, True])
@pytest.mark.parametrize(
    ("name", "codec", "options"),
    [("a.mkv", "libx264", {"bf": "3"}), ("a.webm", "libvpx-vp9", VP9), ("hidden.webm", "libvpx", {})],
)
def test_truncated_matroska_is_known_by_its_duration(tmp_path, name, codec, options, filled):
    path = make_video(tmp_path / name, codec=codec, options=options)
    whole = path.read_bytes()
    there = int(len(whole) * 0.7)
    path.write_bytes(whole[:there] + bytes(len(whole) - there if filled else 0))
    with pytest.warns(UserWarning, match="damaged or incomplete: only its first") as caught:
        frames = read_video(path)
    assert 0 < len(frames) < 36
    assert f"first {len(frames)} frames" in str(caught[0].message)


def between_packets(path, number):
    """Where that packet of a file begins."""
    with av.open(str(path)) as container:
        return next(p for i, p in enumerate(container.demux(video=0)) if i == number).pos


@pytest.mark.parametrize(
    ("name", "codec"),
    [
        ("a.mxf", "mpeg2video"),
        ("a.wmv", "wmv2"),
        ("a.gif", "gif"),
    ],
)
def test_a_cut_between_two_packets_is_known_by_what_the_file_says_of_its_length(tmp_path, name, codec):
    path = tmp_path / name
    if codec == "gif":
        first, *others = [Image.new("L", (64, 48), level(t)) for t in range(40)]
        first.save(path, save_all=True, append_images=others, duration=40)
    else:
        make_video(path, codec=codec, size=(96, 128))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(read_video(path)) == 40
    path.write_bytes(path.read_bytes()[: between_packets(path, 30)])
    with pytest.warns(UserWarning, match=r"damaged or incomplete: only its first \d+ (of 40 )?frames"):
        frames = read_video(path)
    assert 0 < len(frames) < 36


@pytest.mark.parametrize(("codec", "options"), [("mpeg4", {"qmin": "1", "qmax": "1"}), ("libx264", {"bf": "3"})])
def test_truncated_avi_is_known_by_its_number_of_frames_and_not_of_bytes(tmp_path, codec, options):
    path, noise = tmp_path / "a.avi", np.random.default_rng(0).integers(0, 255, (5, 48, 64, 3), dtype=np.uint8)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25, options=options)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for pixels in [*noise, *[np.zeros((48, 64, 3), np.uint8)] * 55]:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode(None))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(read_video(path)) == 60
    path.write_bytes(path.read_bytes()[: between_packets(path, 52)])
    with pytest.warns(UserWarning, match=r"only its first \d\d of 60 frames"):
        read_video(path)


def test_a_y4m_file_of_no_whole_number_of_frames_is_a_truncated_one(tmp_path):
    path = make_video(tmp_path / "a.y4m", codec="rawvideo")
    whole = path.read_bytes()
    for content in (whole, whole.replace(b"FRAME\n", b"FRAME Ip\n")):
        path.write_bytes(content)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert len(read_video(path)) == 40
        path.write_bytes(content[: int(len(content) * 0.7)])
        with pytest.warns(UserWarning, match="only its first 27 frames"):
            read_video(path)


def test_an_avi_whose_frames_stay_long_or_are_not_counted_is_no_damage(tmp_path):
    path = make_video(tmp_path / "a.avi", count=10, times=[*range(0, 1800, 200), 3000], codec="mpeg4")
    head = path.read_bytes().index(b"strh") + 40  # where its number of frames is written
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(read_video(path)) == 10  # of 76 places
        content = bytearray(path.read_bytes())
        for count in (0, 1 << 30):  # the camera lost its power; it was written to a pipe
            content[head : head + 4] = count.to_bytes(4, "little")
            path.write_bytes(content)
            assert len(read_video(path)) == 10


def test_sound_that_is_longer_than_the_video_is_no_damage(tmp_path):
    path = tmp_path / "a.mkv"
    with av.open(str(path), "w") as container:
        video, sound = container.add_stream("libx264", rate=25), container.add_stream("aac", rate=44100)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        for _ in range(10):
            container.mux(video.encode(av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), format="rgb24")))
        container.mux(video.encode(None))
        for _ in range(100):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), dtype=np.float32), format="fltp", layout="mono")
            frame.sample_rate = 44100
            container.mux(sound.encode(frame))
        container.mux(sound.encode(None))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(read_video(path)) == 10


def test_a_last_frame_that_stays_long_is_no_damage(tmp_path):
    times = [0, 40, 80, 1080, 2080]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(read_video(make_video(tmp_path / "slides.mkv", count=5, times=times))) == 5


def test_damage_in_the_middle_is_named(tmp_path):
    path = make_video(tmp_path / "a.mp4", count=40, gop=10, options={"bf": "0"})
    with av.open(str(path)) as container:
        packet = next(p for i, p in enumerate(container.demux(video=0)) if i == 20)
        start, length = packet.pos, packet.size
    data = bytearray(path.read_bytes())
    data[start : start + length] = bytes(length)
    path.write_bytes(data)
    frames = read_video(path)
    assert_exact(frames, [19, 0, 35])
    with pytest.raises(InputError, match=r"Frame 2. of .* cannot be decoded"):
        for t in range(20, 30):
            frames[t]
    assert_exact(frames, [5, 39])


def remux(source, target, seconds):
    """The packets of a video as they are, that many seconds earlier: what lies before 0 is not shown."""
    with av.open(str(source)) as whole, av.open(str(target), "w") as trimmed:
        stream = whole.streams.video[0]
        copied = trimmed.add_stream_from_template(stream)
        for packet in whole.demux(stream):
            if packet.dts is not None:
                packet.pts -= int(seconds / stream.time_base)
                packet.dts -= int(seconds / stream.time_base)
                packet.stream = copied
                trimmed.mux(packet)
    return target


@pytest.mark.parametrize("options", [{}, {"bf": "0"}])
def test_a_trimmed_mp4_is_no_damage(tmp_path, options):
    whole = make_video(tmp_path / "whole.mp4", count=120, options=options)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        frames = read_video(remux(whole, tmp_path / "trimmed.mp4", 80.4 / 25))
    with av.open(str(tmp_path / "trimmed.mp4")) as container:
        expected = sum(1 for _ in container.decode(video=0))
    assert len(frames) == expected < 60
    assert shown(frames, -1) == pytest.approx(level(119), abs=2)
    cut = tmp_path / "cut.mp4"
    whole = make_video(tmp_path / "front.mp4", count=120, options=options, movflags="faststart")
    cut.write_bytes(whole.read_bytes()[: int(0.6 * whole.stat().st_size)])
    with pytest.warns(UserWarning, match=r"only its first \d+ of 120"):
        read_video(cut)


def test_a_codec_that_nobody_knows_is_one_sentence(tmp_path):
    path = make_video(tmp_path / "locked.mp4")
    path.write_bytes(path.read_bytes().replace(b"avc1", b"drmi").replace(b"avcC", b"xxxx"))
    with pytest.raises(InputError, match="its codec is not known, or it is encrypted"):
        read_video(path)


def test_tags_in_another_encoding_are_no_damage(tmp_path):
    path = tmp_path / "old.avi"
    with av.open(str(path), "w") as container:
        container.metadata["title"] = "Cafe am See"
        stream = container.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuv420p"
        for _ in range(3):
            container.mux(stream.encode(av.VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8), format="rgb24")))
        container.mux(stream.encode(None))
    path.write_bytes(path.read_bytes().replace(b"Cafe am", b"Caf\xe9 am"))
    assert len(read_video(path)) == 3


HLS = "#EXTM3U\n#EXT-X-TARGETDURATION:10\n#EXTINF:10,\n{}\n#EXT-X-ENDLIST\n"
DASH = """<MPD xmlns="urn:mpeg:dash:schema:mpd:2011" type="static" mediaPresentationDuration="PT1S">
<Period><AdaptationSet mimeType="video/mp4"><Representation id="1" bandwidth="1"><BaseURL>{}</BaseURL>
</Representation></AdaptationSet></Period></MPD>
"""


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.m3u8", HLS, "is a playlist, which only names other files"),
        ("a.mp4", "ffconcat version 1.0\nfile {}\n", "is a playlist, which only names other files"),
        ("a.mpd", DASH, "cannot be read as a video"),
    ],
)
def test_a_playlist_opens_no_other_file(tmp_path, name, content, says):
    other, opened, over = tmp_path / "private.ts", [], threading.Event()
    os.mkfifo(other)

    def listen():  # it can be opened for writing only while somebody reads
        while not over.wait(0.01):
            with contextlib.suppress(OSError):
                os.close(os.open(other, os.O_WRONLY | os.O_NONBLOCK))
                opened.append(True)

    listening = threading.Thread(target=listen)
    listening.start()
    try:
        (tmp_path / name).write_text(content.format(other))
        with pytest.raises(InputError, match=says):
            read_video(tmp_path / name)
    finally:
        over.set()
        listening.join()
    assert not opened


def test_a_matroska_that_ends_before_its_first_frame_has_a_video_stream(tmp_path):
    path = make_video(tmp_path / "a.mkv")
    content = path.read_bytes()
    path.write_bytes(content[: content.index(b"\x1f\x43\xb6\x75") + 40])  # into the first cluster
    with pytest.raises(InputError, match="holds no frame"):
        read_video(path)


def test_a_name_like_a_pattern_is_one_image(tmp_path):
    for t, name in enumerate(("d%d.png", "d1.png", "d2.png")):
        Image.new("RGB", (8, 8), (100 * t, 0, 0)).save(tmp_path / name)
    frames = read_video(tmp_path / "d%d.png")
    assert len(frames) == 1
    assert frames[0].max() == 0


def test_animated_webp_is_refused_by_its_name(tmp_path):
    pictures = [Image.new("RGB", (16, 16), (60 * t, 0, 0)) for t in range(3)]
    pictures[0].save(tmp_path / "a.webp", save_all=True, append_images=pictures[1:])
    with pytest.raises(InputError, match="animated WebP is not read; make a GIF"):
        read_video(tmp_path / "a.webp")
    pictures[0].save(tmp_path / "still.webp")
    whole = (tmp_path / "still.webp").read_bytes()
    (tmp_path / "still.webp").write_bytes(whole[:20] + bytes(len(whole) - 20))
    with pytest.raises(InputError, match="damaged"):
        read_video(tmp_path / "still.webp")


def test_missing_file(tmp_path):
    with pytest.raises(InputError, match="There is no file or folder"):
        read_video(tmp_path / "none.mp4")


def test_a_path_that_the_system_does_not_take(tmp_path):
    with pytest.raises(InputError, match="name too long"):
        read_video(tmp_path / ("a" * 300))


def test_a_folder_that_may_not_be_entered(tmp_path, monkeypatch):
    monkeypatch.setattr(Path, "stat", refuse)
    with pytest.raises(InputError, match="Permission denied"):
        read_video(tmp_path / "a.mp4")


@pytest.mark.parametrize("content", [b"", b"no video at all" * 100, b"\x00\x00\x00\x18ftypisom\x00\x00\x00\x00"])
def test_unreadable_file(tmp_path, content):
    path = tmp_path / "bad.mp4"
    path.write_bytes(content)
    with pytest.raises(InputError, match="cannot be read as a video"):
        read_video(path)


def test_cut_before_its_index(tmp_path):
    path = make_video(tmp_path / "a.mp4")
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises(InputError, match=r"cannot be read as a video .*incomplete"):
        read_video(path)


def test_sound_only(tmp_path):
    path = tmp_path / "sound.mp4"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("aac", rate=44100)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), dtype=np.float32), format="fltp", layout="mono")
        frame.sample_rate = 44100
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with pytest.raises(InputError, match="no video stream"):
        read_video(path)


@pytest.mark.parametrize(("name", "codec"), [("empty.mkv", "ffv1"), ("empty.mp4", "libx264"), ("empty.avi", "ffv1")])
def test_video_stream_without_frames(tmp_path, name, codec):
    path = tmp_path / name
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=25)
        stream.width = stream.height = 16
        stream.pix_fmt = "yuv420p"
        container.start_encoding()
    with pytest.raises(InputError, match=r"holds no frame|no video stream"):
        read_video(path)


def test_whole_file_gives_no_warning(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        read_video(make_video(tmp_path / "a.mp4"))


def test_memory_stays_within_the_budget(tmp_path):
    frames = VideoFile(make_video(tmp_path / "a.mp4"), cache_bytes=5 * 48 * 64 * 3)
    for t in range(40):
        frames[t]
    assert sum(pixels.nbytes for pixels in frames._cache.values()) <= 5 * 48 * 64 * 3


def test_text_paths_and_path_objects(tmp_path):
    path = make_video(tmp_path / "a.mp4", count=2)
    assert len(read_video(str(path))) == len(read_video(Path(path))) == 2
