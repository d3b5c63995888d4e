"""Scores of finished masks in folders."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ivos.bench.semisupervised import global_csv, score_folders, sequence_csv, write_score_files
from ivos.core.metrics import contour_accuracy, region_similarity, statistics
from ivos.errors import InputError
from ivos.io.masks import read_mask, write_mask


@pytest.fixture
def folders(make_davis: Callable[..., Path], tmp_path: Path) -> tuple[Path, Path]:
    """(predictions, truths): predictions lag a frame behind."""
    truths = make_davis({"one": 1, "two": 2}, frames=20) / "Annotations/480p"
    for name in ("one", "two"):
        for t in range(20):
            write_mask(tmp_path / name / f"{t:05d}.png", read_mask(truths / name / f"{max(t - 1, 0):05d}.png"))
    return tmp_path, truths


def expected(folders: tuple[Path, Path], name: str, k: int, frames: range) -> tuple[list[float], list[float]]:
    pairs = [[read_mask(folder / name / f"{t:05d}.png") == k for folder in folders] for t in frames]
    return [region_similarity(*pair) for pair in pairs], [contour_accuracy(*pair) for pair in pairs]


@pytest.mark.parametrize(("interactive", "frames"), [(False, range(1, 19)), (True, range(20))])
def test_every_object_gets_its_statistics(folders: tuple[Path, Path], interactive: bool, frames: range) -> None:
    scores = score_folders(*folders, interactive=interactive)
    assert [score.name for score in scores] == ["one_1", "two_1", "two_2"]
    for score in scores:
        name, k = score.name.split("_")
        j, f = expected(folders, name, int(k), frames)
        assert (score.j, score.f) == (statistics(j), statistics(f))


def test_csv_files_have_the_columns_of_the_reference(folders: tuple[Path, Path], tmp_path: Path) -> None:
    scores = score_folders(*folders)
    files = write_score_files(tmp_path / "out", scores)
    assert [file.name for file in files] == ["global_results.csv", "per-sequence_results.csv"]
    (row,) = csv.DictReader(files[0].read_text().splitlines())
    assert list(row) == ["J&F-Mean", "J-Mean", "J-Recall", "J-Decay", "F-Mean", "F-Recall", "F-Decay"]
    assert row["J-Mean"] == f"{np.mean([score.j.mean for score in scores]):.3f}"
    assert row["F-Decay"] == f"{np.mean([score.f.decay for score in scores]):.3f}"
    both = np.mean([score.j.mean for score in scores] + [score.f.mean for score in scores])
    assert row["J&F-Mean"] == f"{both:.3f}"
    assert files[0].read_text() == global_csv(scores)
    rows = list(csv.DictReader(files[1].read_text().splitlines()))
    assert [each["Sequence"] for each in rows] == ["one_1", "two_1", "two_2"]
    assert list(rows[0]) == ["Sequence", "J-Mean", "F-Mean"]
    assert sequence_csv(scores).count("\n") == 4


def test_hidden_files_and_folders_are_no_masks(folders: tuple[Path, Path]) -> None:
    expected = score_folders(*folders)
    truths = folders[1]
    (truths / ".ipynb_checkpoints").mkdir()
    (truths / "one" / "._00000.png").write_bytes(b"what a Mac leaves beside a file")
    (truths / "._one.png").write_bytes(b"the same")
    assert score_folders(*folders) == expected


def test_one_sequence_without_a_folder_of_its_own(folders: tuple[Path, Path]) -> None:
    predictions, truths = folders
    assert score_folders(predictions / "one", truths / "one") == score_folders(*folders, sequences=["one"])


def test_void_is_background_and_missing_objects_are_empty(folders: tuple[Path, Path]) -> None:
    predictions, truths = folders
    for t in range(20):
        mask = read_mask(truths / f"two/{t:05d}.png")
        write_mask(predictions / f"two/{t:05d}.png", np.where(mask == 2, 0, mask).astype(np.uint8))
        mask[-1] = 255
        write_mask(truths / f"two/{t:05d}.png", mask)
    first, second = score_folders(*folders, sequences=["two"])
    assert first.j.mean == first.f.mean == 1
    assert second.j.mean == second.f.mean == 0


@pytest.mark.timeout(300)
def test_processes_give_the_same_figures(folders: tuple[Path, Path]) -> None:
    assert score_folders(*folders, workers=2) == score_folders(*folders)


def test_bad_folders(folders: tuple[Path, Path], tmp_path: Path) -> None:
    predictions, truths = folders
    with pytest.raises(InputError, match="no folder"):
        score_folders(tmp_path / "nowhere", truths)
    with pytest.raises(InputError, match="'three' is missing"):
        score_folders(predictions, truths, sequences=["three"])
    write_mask(predictions / "one/00004.png", np.full((32, 48), 3, np.uint8))
    with pytest.raises(InputError, match=r"00004.png' has the id 3; the sequence has objects 1..1"):
        score_folders(predictions, truths)
    write_mask(predictions / "one/00004.png", np.zeros((32, 40), np.uint8))
    with pytest.raises(InputError, match="is 40 x 32 pixels; expected 48 x 32"):
        score_folders(predictions, truths)
    (predictions / "one/00004.png").unlink()
    with pytest.raises(InputError, match="lacks 1 predicted masks"):
        score_folders(predictions, truths)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="neither masks"):
        score_folders(predictions, tmp_path / "empty")
