"""Tensors of which each rank has a part: the weights that FSDP2 shards, as ``DTensor``."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

__all__ = ["laid_out_as", "local_part", "whole_tensor"]


def local_part(tensor: Any) -> Tensor:
    """The part of a tensor on this rank, in the same memory; all of it if it is not sharded."""
    part: Tensor = tensor.to_local() if _is_sharded(tensor) else tensor
    return part


def whole_tensor(tensor: Any) -> Tensor:
    """A tensor with the parts of all ranks, for a checkpoint that rank 0 writes: other ranks get nothing of a sharded one.

    Every rank has to call it.
    """
    whole: Tensor = tensor
    if _is_sharded(tensor):
        whole = tensor.full_tensor()
        whole = whole.cpu() if torch.distributed.get_rank() == 0 else whole.new_empty(0)
    return whole


def laid_out_as(tensor: Any, whole: Tensor) -> Tensor:
    """A copy of a whole tensor that lies on the devices and ranks as another one does. Every rank has to call it."""
    moved = whole.to(tensor.device, copy=True)
    if not _is_sharded(tensor):
        return moved
    from torch.distributed.tensor import distribute_tensor  # older torch has it elsewhere

    laid_out: Tensor = distribute_tensor(moved, tensor.device_mesh, tensor.placements)
    return laid_out


def _is_sharded(tensor: Any) -> bool:
    return hasattr(tensor, "full_tensor")
