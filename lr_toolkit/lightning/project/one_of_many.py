"""A strategy that lets one process see the run that one of many processes has: the data is divided, and nothing is communicated."""

from __future__ import annotations

from typing import Any

import torch
from lightning.pytorch.strategies import ParallelStrategy, Strategy
from typing_extensions import override

__all__ = ["OneOfMany"]


class OneOfMany(ParallelStrategy):
    """The first of ``processes`` processes with a CPU each, which meets no other one.

    Lightning divides the training data as for the whole run, and ``trainer.world_size`` and ``trainer.num_devices`` are those of it.

    Args:
        devices: on a node.
        nodes: the nodes.
    """

    def __init__(self, devices: int, nodes: int = 1) -> None:
        super().__init__(parallel_devices=[torch.device("cpu")] * devices)
        self._processes = devices * nodes

    is_distributed = True
    root_device = torch.device("cpu")
    global_rank = local_rank = node_rank = 0
    is_global_zero = True

    @property
    @override
    def world_size(self) -> int:
        return self._processes

    @property
    @override
    def distributed_sampler_kwargs(self) -> dict[str, Any]:
        return {"num_replicas": self._processes, "rank": 0}

    @override
    def model_to_device(self) -> None:
        """Leave the module on the CPU."""

    @override
    def barrier(self, *args: Any, **kwargs: Any) -> None:
        """Wait for nobody."""

    @override
    def broadcast(self, obj: Any, src: int = 0) -> Any:
        return obj

    @override
    def reduce(self, tensor: Any, *args: Any, **kwargs: Any) -> Any:
        return tensor

    @override
    def all_gather(self, tensor: Any, group: Any = None, sync_grads: bool = False) -> Any:
        return tensor

    @override
    def reduce_boolean_decision(self, decision: bool, all: bool = True) -> bool:
        return decision

    @override
    def teardown(self) -> None:
        Strategy.teardown(self)
