"""Results as files."""

from __future__ import annotations

import errno
import resource
from pathlib import Path
from types import SimpleNamespace
from typing import get_args

import av
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from pycocotools.coco import COCO

from ivos.errors import InputError, OutputError
from ivos.io import video_writer
from ivos.io.coco import write_coco
from ivos.io.exports import FILE_NAMES, export, sheet_frames, write_contact_sheet, write_masks
from ivos.io.images import ArrayFrames
from ivos.io.masks import davis_palette, read_mask
from ivos.io.overlay import SheetCell, contact_sheet, contour, draw_scribbles, overlay
from ivos.io.video import read_video
from ivos.io.video_writer import write_video
from ivos.types import Annotation, ExportFormat, Scribble

FORMATS = get_args(ExportFormat)


def clip(count=4, size=(32, 48), fps=10.0):
    pixels = np.full((count, *size, 3), 100, dtype=np.uint8)
    masks = np.zeros((count, *size), dtype=np.uint8)
    masks[:, size[0] // 4 :, size[1] // 4 :] = 1
    masks[:, size[0] // 2 :, size[1] // 2 :] = 2
    return SimpleNamespace(frames=ArrayFrames(pixels, fps=fps), masks=list(masks))


def test_palette_pngs(tmp_path):
    result = clip()
    paths = export(result, tmp_path / "new" / "out")
    assert [path.name for path in paths] == ["00000.png", "00001.png", "00002.png", "00003.png"]
    assert sorted((tmp_path / "new" / "out").iterdir()) == paths
    assert np.array_equal(read_mask(paths[2]), result.masks[2])


def test_binary_pngs_are_a_folder_an_object_and_a_file_a_frame(tmp_path):
    result = clip()
    result.masks[0][result.masks[0] == 2] = 255  # object 2 comes with the second frame; void is no object
    result.masks[3][...] = 0
    paths = export(result, tmp_path, format="binary")
    assert paths == sorted(path for path in tmp_path.rglob("*") if path.is_file())
    assert sorted(path.name for path in tmp_path.iterdir()) == ["001", "002"]
    for k in (1, 2):
        for t in range(4):
            with Image.open(tmp_path / f"00{k}" / f"0000{t}.png") as image:
                assert image.mode == "L"
                np.testing.assert_array_equal(np.array(image), 255 * (result.masks[t] == k))
    assert export(result, tmp_path, format="binary") == paths
    result.num_objects = 3  # one that is in no mask
    assert len(export(result, tmp_path, format="binary")) == 12
    assert not np.array(Image.open(tmp_path / "003" / "00001.png")).any()


def test_binary_pngs_of_other_objects_are_not_mixed_with_new_ones(tmp_path):
    result = clip()
    (tmp_path / "100").mkdir()
    (tmp_path / "100" / "report.png").write_bytes(b"of the user")
    export(result, tmp_path, format="binary")
    result.num_objects = 1
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.png")}
    with pytest.raises(InputError, match=r"002' holds masks of an object that is not among those written now \(1\)"):
        export(result, tmp_path, format="binary")
    assert {path: path.read_bytes() for path in tmp_path.rglob("*.png")} == before
    assert len(export(result, tmp_path)) == 4


@pytest.mark.parametrize("size", [(32, 48), (33, 47), (1, 1), (1, 9)])
@pytest.mark.parametrize("fps", [10.0, 30000 / 1001, 0.5, 1000.0])
def test_overlay_video_of_any_size_and_rate(tmp_path, size, fps):
    (path,) = export(clip(size=size, fps=fps), tmp_path, format="overlay")
    assert path == tmp_path / "overlay.mp4"
    frames = read_video(path)
    assert len(frames) == 4
    assert frames.size == (size[0] + size[0] % 2, size[1] + size[1] % 2)
    assert frames.fps == pytest.approx(fps, rel=1e-4)
    assert [p.name for p in tmp_path.iterdir()] == ["overlay.mp4"]


@pytest.mark.parametrize("format", ["overlay", "green", "prores", "webm"])
def test_every_rate_that_is_written_is_read_back(tmp_path, format):
    rates = [
        (1 / 3600, (4, 4)),
        (10000, (48, 64)),
        (30000, (4, 4)),
        (2500.1234567, (4, 4)),
        (np.float32(29.97), (4, 4)),
    ]
    for fps, pixels in rates:
        frames = read_video(export(clip(size=pixels, fps=fps), tmp_path, format=format)[0])
        assert (len(frames), frames.fps) == (4, pytest.approx(fps, rel=1e-4))
    for fps in (1e-9, 1 / 3601, 30001):
        with pytest.raises(InputError, match=r"frames per second; expected one in 3600 seconds .* 30000 a second"):
            export(clip(size=(4, 4), fps=fps), tmp_path, format=format)


def test_overlay_video_shows_the_tint_and_plays_anywhere(tmp_path):
    result = clip(size=(64, 64))
    (path,) = export(result, tmp_path, format="overlay")
    frame = read_video(path)[3].astype(int)
    np.testing.assert_allclose(frame[4, 4], [100, 100, 100], atol=3)
    np.testing.assert_allclose(frame[24, 24], [114, 50, 50], atol=6)
    np.testing.assert_allclose(frame[48, 48], [50, 114, 50], atol=6)
    with av.open(str(path)) as container:
        context = container.streams.video[0].codec_context
        assert (context.name, context.pix_fmt) == ("h264", "yuv420p")
    data = path.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")


@pytest.mark.parametrize("format", sorted(FILE_NAMES))
def test_a_format_of_one_file_writes_that_file(tmp_path, format):
    assert export(clip(), tmp_path / "new", format=format) == [tmp_path / "new" / FILE_NAMES[format]]
    assert [path.name for path in (tmp_path / "new").iterdir()] == [FILE_NAMES[format]]


@pytest.mark.parametrize(("format", "tolerance"), [("prores", 3), ("webm", 8)])
def test_an_alpha_video_shows_the_objects_and_no_void(tmp_path, format, tolerance):
    result = clip(size=(64, 64))
    for mask in result.masks:
        mask[:8, :8] = 255
    (path,) = export(result, tmp_path, format=format)
    with av.open(str(path)) as container:
        decoder = av.CodecContext.create("libvpx-vp9", "r") if format == "webm" else None
        packets = [packet for packet in container.demux(video=0) if packet.size]
        frames = [f for packet in packets for f in (decoder.decode(packet) if decoder else packet.decode())]
    pixels = frames[0].to_ndarray(format="rgba").astype(int)
    np.testing.assert_allclose(pixels[4, 4, 3], 0, atol=tolerance)
    np.testing.assert_allclose(pixels[8:, 12, 3], 0, atol=tolerance)
    np.testing.assert_allclose(pixels[24:, 24:, 3], 255, atol=tolerance)
    np.testing.assert_allclose(pixels[40, 40], [100, 100, 100, 255], atol=tolerance)


def test_nothing_but_the_object_is_seen_at_any_width(tmp_path):
    result = clip(count=12, size=(720, 1078))
    result.alpha = lambda t: np.zeros((720, 1078), np.uint8)
    (path,) = export(result, tmp_path, format="prores")
    with av.open(str(path)) as container:
        for frame in container.decode(video=0):
            alpha = np.frombuffer(bytes(frame.planes[3]), np.uint16)
            assert not alpha.reshape(720, -1)[:, :1078].any()


def test_a_green_screen_shows_the_objects_on_green(tmp_path):
    (path,) = export(clip(size=(64, 64)), tmp_path, format="green")
    frame = read_video(path)[2].astype(int)
    np.testing.assert_allclose(frame[4, 4], [0, 177, 64], atol=6)
    np.testing.assert_allclose(frame[40, 40], [100, 100, 100], atol=6)


def test_alpha_is_the_one_of_a_result_that_has_one(tmp_path):
    result = clip(size=(64, 64))
    result.alpha = lambda t: np.full((64, 64), 60 * t, np.uint8)
    (path,) = export(result, tmp_path, format="green")
    frames = read_video(path)
    for t in range(4):
        expected = 60 * t / 255 * 100 + (1 - 60 * t / 255) * np.array([0, 177, 64])
        np.testing.assert_allclose(frames[t][32, 32], expected, atol=6)


def test_an_alpha_that_does_not_fit_is_refused(tmp_path):
    result = clip()
    for wrong in (np.zeros((4, 4), np.uint8), np.zeros((32, 48))):
        result.alpha = lambda t, wrong=wrong: wrong
        with pytest.raises(InputError, match=r"The alpha of frame 0 is .*; expected \(32, 48\) and uint8"):
            export(result, tmp_path, format="prores")
    assert not list(tmp_path.iterdir())


def test_coco_has_a_category_for_every_object(tmp_path):
    mask = np.zeros((5, 6), np.uint8)
    mask[1:3, 1:3], mask[4] = 1, 2
    write_coco(tmp_path / "a.json", [(0, mask)], {1: "dog", 3: "cat"})
    known = COCO(str(tmp_path / "a.json")).cats
    assert {k: category["name"] for k, category in known.items()} == {1: "dog", 2: "Object 2", 3: "cat"}


def test_coco_reads_back_as_the_masks(tmp_path):
    result, folder = clip(), tmp_path / "images"
    folder.mkdir()
    for t in range(4):
        Image.fromarray(result.frames[t]).save(folder / f"shot{t}.png")
    (path,) = export(SimpleNamespace(frames=read_video(folder), masks=result.masks), tmp_path, format="coco")
    content = COCO(str(path))
    assert [image["file_name"] for image in content.dataset["images"]] == [f"shot{t}.png" for t in range(4)]
    assert [each["name"] for each in content.dataset["categories"]] == ["Object 1", "Object 2"]
    for annotation in content.dataset["annotations"]:
        mask = result.masks[annotation["image_id"] - 1] == annotation["category_id"]
        np.testing.assert_array_equal(content.annToMask(annotation).astype(bool), mask)
    assert len(content.dataset["annotations"]) == 8


def test_overlay_picture():
    frame = np.full((8, 8, 3), 100, dtype=np.uint8)
    mask = np.zeros((8, 8), dtype=np.uint8)
    mask[2:7, 2:7] = 1
    mask[0, 0] = 255
    picture = overlay(frame, mask)
    assert picture[4, 4].tolist() == [114, 50, 50]
    assert picture[2, 4].tolist() == [255, 255, 255]
    assert picture[0, 0].tolist() == picture[1, 4].tolist() == [100, 100, 100]
    assert contour(mask == 1).sum() == 16
    assert frame.min() == frame.max() == 100
    empty = overlay(frame, np.zeros((8, 8), dtype=np.uint8))
    assert np.array_equal(empty, frame)
    assert empty is not frame
    with pytest.raises(InputError, match="does not fit"):
        overlay(frame, mask[:4])


def test_strokes_are_seen_in_their_colour():
    picture = np.full((100, 200, 3), 90, dtype=np.uint8)
    drawn = draw_scribbles(picture, [Scribble(2, [(0.1, 0.5), (0.9, 0.5)]), Scribble(0, [(0.5, 0.1)])])
    assert drawn[50, 100].tolist() == [0, 128, 0]
    assert drawn[10, 100].tolist() == [0, 0, 0]
    assert drawn[50 - 3, 100].tolist() == [255, 255, 255]
    assert np.array_equal(picture, np.full_like(picture, 90))
    assert draw_scribbles(picture[:1, :1], [Scribble(1, [(1, 1)])]).shape == (1, 1, 3)
    assert len({tuple(draw_scribbles(picture, [Scribble(k, [(0.5, 0.5)])])[50, 100]) for k in range(1, 8)}) == 7


def test_contact_sheet_file(tmp_path):
    result = clip(count=30, size=(48, 64))
    annotations = [Annotation(13, [Scribble(1, [(0.5, 0.5), (0.9, 0.9)])]), Annotation(13, [Scribble(0, [(0.1, 0.1)])])]
    path = write_contact_sheet(tmp_path / "new" / "sheet.png", result, annotations)
    with Image.open(path) as image:
        assert image.mode == "RGB"
        pixels = np.array(image)
    assert pixels.shape[1] > pixels.shape[0] > 2 * 288
    plain = np.array(Image.open(write_contact_sheet(tmp_path / "plain.png", result)))
    assert (pixels != plain).any()


@pytest.mark.parametrize("count", [1, 3])
def test_contact_sheet_of_short_and_tiny_clips(tmp_path, count):
    with Image.open(write_contact_sheet(tmp_path / "a.png", clip(count=count, size=(1, 1)))) as image:
        assert image.width == count * 390 + 6


def test_contact_sheet_needs_a_frame():
    with pytest.raises(InputError, match="at least one frame"):
        contact_sheet([])
    assert contact_sheet([SheetCell("a", np.zeros((2, 4, 3), dtype=np.uint8))], width=40).shape == (50, 52, 3)


@given(st.integers(1, 60), st.lists(st.integers(0, 59)), st.integers(1, 12))
def test_sheet_frames(num_frames, annotated, count):
    annotated = [t % num_frames for t in annotated]
    frames = sheet_frames(num_frames, annotated, count)
    assert frames == sorted(set(frames))
    assert len(frames) == min(count, num_frames)
    first = list(dict.fromkeys(annotated))[: len(frames)]
    assert set(first) <= set(frames)
    assert frames[0] >= 0
    assert frames[-1] < num_frames


def test_unknown_format(tmp_path):
    with pytest.raises(InputError, match="no export format 'gif'; expected one of png, binary, overlay"):
        export(clip(), tmp_path, format="gif")


def test_frames_that_are_no_clip(tmp_path):
    result = clip()
    with pytest.raises(InputError, match=r"clip is given as ndarray; .*ArrayFrames"):
        export(SimpleNamespace(frames=result.frames.pixels, masks=result.masks), tmp_path)


def test_masks_that_do_not_fit(tmp_path):
    result = clip()
    for masks in (result.masks[:2], [*result.masks, result.masks[0]], [mask[:4] for mask in result.masks]):
        for format in FORMATS:
            with pytest.raises(InputError, match=r"masks for the 4 frames|has shape"):
                export(SimpleNamespace(frames=result.frames, masks=masks), tmp_path, format=format)
    assert not [path for path in tmp_path.iterdir() if path.suffix]


@pytest.mark.parametrize("format", FORMATS)
def test_masks_of_any_whole_numbers_are_exported(tmp_path, format):
    result = clip()
    for kind in (bool, np.int64):
        masks = [(mask > 0).astype(kind) for mask in result.masks]
        assert export(SimpleNamespace(frames=result.frames, masks=masks), tmp_path, format=format)
    with pytest.raises(InputError, match="whole numbers"):
        export(SimpleNamespace(frames=result.frames, masks=[mask * 300 for mask in masks]), tmp_path, format=format)


def test_a_clip_is_never_replaced_by_its_own_results(tmp_path):
    result, folder = clip(), tmp_path / "images"
    folder.mkdir()
    for t in range(4):
        Image.fromarray(result.frames[t]).save(folder / f"{t:05d}.png")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    (tmp_path / "link").symlink_to(folder)
    for out in (folder, tmp_path / "link"):
        with pytest.raises(InputError, match="would replace the clip"):
            export(SimpleNamespace(frames=read_video(folder), masks=result.masks), out)
    (tmp_path / "001").symlink_to(folder)
    with pytest.raises(InputError, match="would replace the clip"):
        export(SimpleNamespace(frames=read_video(folder), masks=result.masks), tmp_path, format="binary")
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
    (path,) = export(result, tmp_path, format="overlay")
    whole, filmed = path.read_bytes(), SimpleNamespace(frames=read_video(path), masks=result.masks)
    with pytest.raises(InputError, match="would replace the clip"):
        export(filmed, tmp_path, format="overlay")
    assert path.read_bytes() == whole
    assert len(export(filmed, tmp_path)) == 4  # masks beside a video harm nothing


def test_masks_of_a_longer_clip_are_not_mixed_with_new_ones(tmp_path):
    export(clip(count=6), tmp_path)
    (tmp_path / "notes-00009.png").write_bytes(b"of the user")
    with pytest.raises(InputError, match=r"holds 00004.png of a longer clip, which would stay among the 4 masks"):
        export(clip(), tmp_path)
    assert len(export(clip(count=6), tmp_path)) == 6
    assert len(export(clip(count=7), tmp_path)) == 7
    assert len(export(clip(), tmp_path, format="overlay")) == 1
    assert len(export(clip(count=6), tmp_path, format="binary")) == 12
    with pytest.raises(InputError, match=r"001' holds 00004.png of a longer clip|002' holds 00004.png of a longer"):
        export(clip(), tmp_path, format="binary")


@pytest.mark.parametrize("format", FORMATS)
def test_folder_that_cannot_be_written(tmp_path, format):
    (tmp_path / "out").write_text("a file")
    with pytest.raises(OutputError, match="a file stands where a folder is needed"):
        export(clip(), tmp_path / "out", format=format)


def test_full_disk_leaves_no_half_video(tmp_path, monkeypatch):
    def fill(container, frames, fps):
        Path(container.name).write_bytes(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(video_writer, "_encode", fill)
    with pytest.raises(OutputError, match=r"overlay.mp4' was not written: the disk is full"):
        export(clip(), tmp_path, format="overlay")
    assert not list(tmp_path.iterdir())


def test_a_write_that_fails_inside_the_encoder_leaves_no_half_video(tmp_path):
    noise = np.random.default_rng(0).integers(0, 255, (20, 64, 64, 3), dtype=np.uint8)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (8000, before[1]))
    try:
        with pytest.raises(OutputError, match=r"a.mp4' was not written: File too large"):
            write_video(tmp_path / "a.mp4", noise, fps=25)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not list(tmp_path.iterdir())


def test_full_disk_keeps_the_masks_written_before(tmp_path, monkeypatch):
    save, saved = Image.Image.save, []

    def fail_on_third(self, file, **options):
        if len(saved) == 2:
            file.write(b"half")
            raise OSError(errno.ENOSPC, "No space left on device")
        save(self, file, **options)
        saved.append(file)

    monkeypatch.setattr(Image.Image, "save", fail_on_third)
    with pytest.raises(OutputError, match=r"00002.png' was not written: the disk is full"):
        write_masks(tmp_path, clip().masks)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["00000.png", "00001.png"]


def test_an_interrupted_video_leaves_nothing(tmp_path):
    def frames():
        yield clip().frames[0]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_video(tmp_path / "a.mp4", frames(), fps=25)
    assert not list(tmp_path.iterdir())


def test_bad_videos(tmp_path):
    with pytest.raises(InputError, match="no frame to write"):
        write_video(tmp_path / "a.mp4", [], fps=25)
    with pytest.raises(InputError, match="expected one size"):
        write_video(tmp_path / "a.mp4", [np.zeros((4, n, 3), dtype=np.uint8) for n in (4, 5)], fps=25)
    with pytest.raises(InputError, match="Frame 0 is"):
        write_video(tmp_path / "a.mp4", [np.zeros((4, 4), dtype=np.uint8)], fps=25)
    for fps in (0, -1, float("nan"), float("inf")):
        with pytest.raises(InputError, match="frames per second"):
            write_video(tmp_path / "a.mp4", [], fps=fps)
    assert not list(tmp_path.iterdir())


def test_colours_survive(tmp_path):
    colours = davis_palette()[[1, 4, 7, 12]]
    write_video(tmp_path / "a.mp4", [np.full((32, 32, 3), colour, dtype=np.uint8) for colour in colours], fps=25)
    for frame, colour in zip(read_video(tmp_path / "a.mp4"), colours, strict=True):
        np.testing.assert_allclose(frame[16, 16].astype(int), colour, atol=3)
