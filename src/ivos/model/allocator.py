"""Memory beside the networks' large temporaries: how these are reused, and where what outlives them is put."""

from __future__ import annotations

import ctypes
import mmap
import platform

import torch
from torch import Tensor

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
LARGEST = 2**30


def keep_freed_memory() -> None:
    """Have glibc reuse freed memory up to 1 GiB rather than return it to the kernel after every layer.

    A feature map of some 20 MB is otherwise mapped, zeroed by the kernel and unmapped again and again: about a tenth
    of the time of a frame, and a quarter of A-Net's answer for five objects. Does nothing
    where the C library is another one.
    """
    if platform.libc_ver()[0] == "glibc":
        libc = ctypes.CDLL(None)
        libc.mallopt(M_MMAP_THRESHOLD, LARGEST)
        libc.mallopt(M_TRIM_THRESHOLD, LARGEST)


def in_own_memory(tensor: Tensor) -> Tensor:
    """A copy in memory of its own that goes back to the system with the tensor; on a GPU the tensor itself.

    Among short-lived feature maps, tensors that stay would leave gaps into which no new feature map fits, and the
    process would grow by several times what is kept.
    """
    if tensor.device.type != "cpu" or not tensor.nbytes:
        return tensor
    dense = tensor if tensor.is_contiguous() else tensor.contiguous(memory_format=torch.channels_last)
    copy = torch.frombuffer(_pages(dense.nbytes), dtype=dense.dtype).as_strided(dense.shape, dense.stride())
    return copy.copy_(dense)


def _pages(size: int) -> mmap.mmap:
    """Memory of `size` bytes; on Linux with all its pages at once, which takes less time than a fault a page."""
    if hasattr(mmap, "MAP_POPULATE"):  # Linux
        return mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | mmap.MAP_POPULATE)
    return mmap.mmap(-1, size)
