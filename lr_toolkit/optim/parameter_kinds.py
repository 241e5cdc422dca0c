"""Kinds of parameters that are usually exempt from weight decay: norms, biases, embeddings, vectors."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from torch import nn
from torch.nn.parameter import is_lazy

from lr_toolkit.optim.named_parameters import NamedParameter, is_vector

__all__ = ["KINDS", "exempt_by_model", "is_norm"]

_EMBEDDING_WORDS = ("embed", "token")  # pos_embed, position_embeddings, cls_token


def is_norm(module: nn.Module) -> bool:
    """Whether a module is a normalization: one of torch's, or one with vectors alone whose class is called so.

    Example:
        >>> is_norm(nn.LayerNorm(2)), is_norm(nn.BatchNorm2d(2)), is_norm(nn.Linear(2, 2))
        (True, True, False)
    """
    if isinstance(module, nn.LayerNorm):  # over several dimensions its weight is no vector
        return True
    return "norm" in type(module).__name__.lower() and all(is_lazy(own) | is_vector(own) for own in module.parameters())


def _is_norm(parameter: NamedParameter) -> bool:
    return parameter.has(lambda _, owner: is_norm(owner))


def _is_bias(parameter: NamedParameter) -> bool:
    return parameter.has(lambda name, _: "bias" in name.rpartition(".")[2])


def _is_embedding(parameter: NamedParameter) -> bool:
    return parameter.has(
        lambda name, owner: (
            "embedding" in type(owner).__name__.lower()
            or any(word in name.rpartition(".")[2] for word in _EMBEDDING_WORDS)
        )
    )


def _is_vector(parameter: NamedParameter) -> bool:
    return parameter.is_vector


KINDS: Mapping[str, Callable[[NamedParameter], bool]] = {
    "biases": _is_bias,
    "embeddings": _is_embedding,
    "norms": _is_norm,
    "vectors": _is_vector,
}
"""The words for ``no_decay``, and whether a parameter is of this kind."""


def exempt_by_model(module: nn.Module) -> set[str]:
    """The names of the parameters that a model exempts itself, by timm's ``no_weight_decay()`` or Mamba's ``_no_weight_decay``."""
    found = {name for name, value in module.named_parameters() if getattr(value, "_no_weight_decay", False)}
    for path, part in module.named_modules():
        listed = getattr(part, "no_weight_decay", None)
        if callable(listed):
            found |= {f"{path}.{name}" if path else name for name in listed()}
    return found
