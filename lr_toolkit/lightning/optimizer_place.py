"""Names the optimizer of a scheduler in a message, if a run has several."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

__all__ = ["index_in", "place_among"]


def place_among(optimizers: Sequence[Any], optimizer: Any) -> str:
    """Which optimizer is meant, in brackets; empty if there is only one.

    Example:
        >>> from torch.optim import SGD, Adam
        >>> from torch import ones
        >>> optimizers = [kind([ones(1, requires_grad=True)], lr=0.1) for kind in (SGD, Adam)]
        >>> place_among(optimizers, optimizers[1])
        ' (Adam, self.optimizers()[1])'
        >>> place_among(optimizers[:1], optimizers[0])
        ''
    """
    if len(optimizers) == 1:
        return ""
    index = next((index for index, each in enumerate(optimizers) if each is optimizer), None)
    place = "" if index is None else f", self.optimizers()[{index}]"
    return f" ({type(optimizer).__name__}{place})"


def index_in(configs: Sequence[Any], scheduler: Any) -> str:
    """``[1]`` for the second of several schedulers, to write behind ``self.lr_schedulers()``; empty if there is only one."""
    if len(configs) == 1:
        return ""
    return f"[{next(index for index, config in enumerate(configs) if config.scheduler is scheduler)}]"
