"""Reading the authors' checkpoint: only the right file is accepted, and nothing in it is executed."""

import os
import warnings

import pytest
import torch

from ivos.errors import InputError, WeightsError
from ivos.model.authors import convert, layer_names, read_checkpoint
from ivos.model.config import PRESETS
from ivos.model.paper_net import PaperATNet


@pytest.fixture(scope="module")
def released():
    """A state dict of the released names and shapes; every tensor is one number seen from everywhere."""
    theirs = {ours: old for old, ours in layer_names().items()}
    with torch.device("meta"):
        expected = PaperATNet(PRESETS["authors"]).state_dict()
    state = {}
    for i, (name, tensor) in enumerate(expected.items()):
        layer, _, parameter = name.rpartition(".")
        value = torch.tensor(i if tensor.dtype == torch.int64 else i / 1000, dtype=tensor.dtype)
        state[f"{theirs[layer]}.{parameter}"] = value.expand(tensor.shape)
    return state


@pytest.fixture
def saved(tmp_path):
    def save(content):
        path = tmp_path / "ATNet-checkpoint.pth"
        torch.save(content, path)
        return path

    return save


def test_reads_the_released_layout(released, saved):
    net = read_checkpoint(saved(released))
    assert net.config == PRESETS["authors"]
    assert not net.training
    assert all(
        tensor[(0,) * tensor.ndim].item() == pytest.approx(i if tensor.dtype == torch.int64 else i / 1000)
        for i, tensor in enumerate(net.state_dict().values())
    )


def test_layers_are_mapped_one_to_one():
    names = layer_names()
    assert len(set(names.values())) == len(names)


def test_missing_file(tmp_path):
    with pytest.raises(InputError, match=r"nothing\.pth"):
        read_checkpoint(tmp_path / "nothing.pth")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"not a checkpoint" * 100, b"\x80\x02}q\x00."])
def test_damaged_or_foreign_bytes(tmp_path, content):
    path = tmp_path / "ATNet-checkpoint.pth"
    path.write_bytes(content)
    with pytest.raises(WeightsError):
        read_checkpoint(path)


def test_truncated(released, saved):
    path = saved(released)
    path.write_bytes(path.read_bytes()[:-5000])
    with pytest.raises(WeightsError, match="damaged"):
        read_checkpoint(path)


@pytest.mark.parametrize("zipped", [True, False])
def test_a_file_cut_or_with_a_flipped_bit_is_a_sentence(zipped, tmp_path):
    path = tmp_path / "ATNet-checkpoint.pth"
    content = {
        1: torch.arange(4.0),
        "conv1x1.weight": torch.ones(2, 3, dtype=torch.float16),
    }  # refused when whole, too
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    whole = path.read_bytes()
    places = range(0, len(whole), 11 if zipped else 5)
    flipped = (whole[:i] + bytes([whole[i] ^ (1 << i % 8)]) + whole[i + 1 :] for i in places)
    for damaged in (*(whole[:i] for i in places), *flipped):
        path.write_bytes(damaged)
        with warnings.catch_warnings(), pytest.raises(WeightsError):
            warnings.simplefilter("ignore")
            read_checkpoint(path)


def test_a_value_that_changed_on_disk(released, saved):
    path = saved(released | {"conv1x1.bias": torch.full((2048,), 0.123)})
    whole, value = path.read_bytes(), torch.tensor(0.123).numpy().tobytes()
    place = whole.index(value * 2048) + 4096
    path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
    with pytest.raises(WeightsError, match="it is damaged"):
        read_checkpoint(path)


def test_a_folder(tmp_path):
    with pytest.raises(WeightsError):
        read_checkpoint(tmp_path)


class Malicious:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


def test_code_in_the_file_is_not_run(saved, tmp_path):
    trace = tmp_path / "executed"
    with pytest.raises(WeightsError, match="not run"):
        read_checkpoint(saved({"conv1x1.weight": Malicious(trace)}))
    assert not trace.exists()


def test_missing_unknown_and_misshapen_tensors_are_named(released, saved):
    without = {name: tensor for name, tensor in released.items() if name != "conv1x1.weight"}
    with pytest.raises(WeightsError, match=r"1 of its 912 tensors are missing \(conv1x1\.weight\)"):
        read_checkpoint(saved(without))
    with pytest.raises(WeightsError, match=r"1 are unknown \(conv2x2\.weight\)"):
        read_checkpoint(saved(released | {"conv2x2.weight": torch.zeros(1)}))
    with pytest.raises(WeightsError, match="1 are unknown"):
        read_checkpoint(saved(released | {"conv1x1.gain": torch.zeros(1)}))
    with pytest.raises(WeightsError, match=r"tensor conv1x1\.weight has the shape \(2, 2\)"):
        read_checkpoint(saved(released | {"conv1x1.weight": torch.zeros(2, 2)}))


def test_values_that_are_not_finite(released, saved):
    with pytest.raises(WeightsError, match=r"tensor conv1x1\.bias has values that are not finite"):
        read_checkpoint(saved(released | {"conv1x1.bias": torch.full((2048,), torch.nan)}))


@pytest.mark.filterwarnings("ignore:torch.quantize_per_tensor", "ignore:The PyTorch API of nested tensors")
@pytest.mark.parametrize(
    "made",
    [
        lambda zeros: zeros.long(),
        lambda zeros: zeros.bool(),
        lambda zeros: zeros.to(torch.complex64),
        lambda zeros: zeros.to(torch.float8_e4m3fn),
        lambda zeros: zeros.to_sparse(),
        lambda zeros: torch.quantize_per_tensor(zeros, 0.1, 0, torch.qint8),
        lambda zeros: torch.nested.nested_tensor([zeros]),
    ],
)
def test_other_kinds_of_tensors(made, released):
    with pytest.raises(WeightsError, match=r"tensor conv1x1\.bias is no plain tensor of floating-point numbers"):
        convert(released | {"conv1x1.bias": made(torch.zeros(2048))})


def test_a_checkpoint_whose_tensors_hold_no_values(released, saved):
    with pytest.raises(WeightsError, match="not a plain state dict of tensors"):
        read_checkpoint(saved(released | {"conv1x1.bias": torch.zeros(2048, device="meta")}))


def test_tensors_of_half_and_double_precision_are_taken(released, saved):
    halves = {name: tensor.half() if tensor.is_floating_point() else tensor for name, tensor in released.items()}
    net = read_checkpoint(saved(halves | {"conv1x1.bias": released["conv1x1.bias"].double()}))
    assert net.state_dict()["transfer_net.join.bias"].dtype == torch.float32
    assert net.state_dict()["transfer_net.join.weight"].dtype == torch.float32


@pytest.mark.parametrize("content", [[1, 2], {"epoch": 3}, {}, {1: torch.zeros(1)}])
def test_not_a_state_dict(saved, content):
    with pytest.raises(WeightsError):
        read_checkpoint(saved(content))
