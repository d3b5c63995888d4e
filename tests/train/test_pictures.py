import torch

from ivos.io.images import image_size, read_image
from ivos.train.pictures import loss_curve, sample_grid

S = 32


def test_the_curve_is_a_picture_with_an_axis_a_figure(tmp_path):
    columns = {"step": [1.0, 2.0, 3.0], "loss": [3.0, 2.0, 1.0], "seconds": [1.0, 1.0, 1.0]}
    loss_curve(columns, tmp_path / "one.png")
    loss_curve({**columns, "j": [0.1, 0.2, 0.3]}, tmp_path / "two.png")
    assert image_size(tmp_path / "two.png")[1] == 2 * image_size(tmp_path / "one.png")[1]
    loss_curve({"step": [1.0], "loss": [2.0]}, tmp_path / "short.png")


def test_a_grid_of_single_frames_shows_strokes_masks_and_answers(tmp_path):
    maps = torch.zeros(2, 3, S, S, dtype=torch.uint8)
    maps[:, 0], maps[:, 1, 8:16], maps[:, 2, 20:24] = 127, 255, 255
    mask = torch.zeros(2, S, S, dtype=torch.uint8)
    mask[:, :, 16:] = 1
    batch = {"image": torch.full((2, 3, S, S), 100, dtype=torch.uint8), "mask": mask, "maps": maps}
    sample_grid(batch, torch.ones(2, 1, S, S), tmp_path / "grid.png")
    grid = read_image(tmp_path / "grid.png")
    assert grid.shape == (S, 4 * S // 2, 3)
    assert grid[5, 3].tolist() == [0, 255, 0]
    assert grid[11, 3].tolist() == [255, 0, 0]
    assert grid[0, 3].tolist() == [100, 100, 100]
    assert grid[0, 20].tolist() == [127, 127, 127]
    assert grid[0, 33].tolist() == [0, 0, 0]
    assert grid[0, 45].tolist() == [255, 255, 255]
    assert grid[0, 50].tolist() == [177, 70, 70]


def test_a_grid_of_sequences_shows_the_first_annotated_frame_and_the_targets(tmp_path):
    images = torch.zeros(1, 7, 3, S, S, dtype=torch.uint8)
    images[:] = torch.arange(7, dtype=torch.uint8)[:, None, None, None] * 10
    maps = torch.zeros(1, 2, 3, S, S, dtype=torch.uint8)
    sample_grid({"images": images, "maps": maps}, torch.zeros(1, 5, S, S), tmp_path / "grid.png")
    grid = read_image(tmp_path / "grid.png")
    assert grid[0, :: S // 2, 0].tolist() == [0, 30, 40, 50, 60]
