"""Parameter groups with names and base LRs: layer-wise decay, factors by name, and no weight decay where it does harm."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from torch import nn

from lr_toolkit.arguments import answer_arguments
from lr_toolkit.errors import ScheduleError, shorten
from lr_toolkit.optim.group_rules import GroupKey, GroupRules, check_number
from lr_toolkit.optim.lr_scale import is_groups, scaled_groups

__all__ = ["param_groups"]

_EXAMPLE = "param_groups(model, lr=1e-3, weight_decay=0.05, layer_decay=0.75)"
_ANSWERS = {
    "base_lr": "Write lr={}.",
    "decay": "Write weight_decay={}, or layer_decay={} for layers.",
    "learning_rate": "Write lr={}.",
    "llrd": "Write layer_decay={}.",
    "lr_scale": "Write lr_mult={{'backbone': {}}} for a factor by name.",
    "no_weight_decay_list": "Write no_decay={}.",
    "skip_list": "Write no_decay={}.",
    "wd": "Write weight_decay={}.",
}


@answer_arguments("param_groups", _EXAMPLE, _ANSWERS)
def param_groups(
    module: nn.Module | Sequence[dict[str, Any]],
    *,
    lr: float,
    weight_decay: float | None = None,
    layer_decay: float | None = None,
    no_decay: str | Sequence[str] | None = None,
    lr_mult: Mapping[str, float] | None = None,
    layer_of: Callable[[str], int] | None = None,
    prefix: str = "",
) -> list[dict[str, Any]]:
    """The parameter groups of a module for an optimizer, each with a name and its own base LR.

        group lr = lr * layer_decay ** (depth - layer) * lr_mult of the name

    ``layer`` is 0 next to the input (embeddings, a stem), and ``depth``, the layer next to the output (the head), trains at
    ``lr``. Layers are read from the tree of modules: from the patterns of a timm model; in any other tree from its lists of
    blocks, with what is registered before the first block as layer 0, and what comes behind the last one, or is called a head,
    as the last layer. A norm belongs to what stands before it.

    Each trainable parameter is in exactly one group. A shared (tied) parameter counts once, at the place of its first name, and
    has what any of its names gets. Frozen parameters (``requires_grad=False``) are left out, and still count for the depth;
    to train one later, ``optimizer.add_param_group``. The names are ``"layer3"`` and ``"layer3.no_decay"``, with ``lr_mult``
    its keys and ``"other"``, otherwise ``"decay"`` and ``"no_decay"``, or ``"all"``.

    Args:
        module: the module, or groups that carry timm's ``lr_scale``: then each group's LR is multiplied by it, and the key is
            removed, because schedulers of torch and of this package read no other key than ``lr``.
        lr: the LR of a group whose factors are 1.
        weight_decay: of the groups that decay; ``None`` leaves it to the optimizer.
        layer_decay: the factor from a layer to the one before it, above 0 and at most 1; ``None`` for equal LRs.
        no_decay: parameters with a weight decay of 0: the words ``"norms"``, ``"biases"``, ``"embeddings"``, ``"vectors"`` (fewer
            than two dimensions), names of parameters or of modules, and patterns with wildcards. ``None`` means norms and
            biases, and what the model lists in ``no_weight_decay()``, if ``weight_decay`` is given; ``[]`` means none.
        lr_mult: factors by the name of a parameter or of a module, or by a pattern; the first that matches counts.
        layer_of: the layer of the parameter with this name, in place of the tree's, as in BEiT; see ``layer_decay``.
        prefix: stands before each group's name, to join the groups of several modules in one optimizer. Towers side by side, as in
            CLIP, need a call each: in one tree the second would count as the continuation of the first.

    Raises:
        ScheduleError: for a wrong number, a name that matches nothing, a module without trainable parameters, or
            ``layer_decay`` for a module in which no layers can be found.

    Example:
        >>> model = nn.Sequential(nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 8), nn.ReLU(), nn.Linear(8, 2))
        >>> for group in param_groups(model, lr=1e-3, weight_decay=0.05, layer_decay=0.5, no_decay="biases"):
        ...     print(group["name"], group["lr"], group["weight_decay"])
        layer0 0.00025 0.05
        layer0.no_decay 0.00025 0.0
        layer1 0.0005 0.05
        layer1.no_decay 0.0005 0.0
        layer2 0.001 0.05
        layer2.no_decay 0.001 0.0
        >>> [(group["name"], group["lr"]) for group in param_groups(model, lr=1e-3, lr_mult={"4": 10})]
        [('other', 0.001), ('4', 0.01)]

    Reference:
        Clark et al. 2020 (ELECTRA), https://arxiv.org/abs/2003.10555; Bao et al. 2021 (BEiT), https://arxiv.org/abs/2106.08254,
        whose numbering of layers is used; timm's ``param_groups_layer_decay``; ``get_parameter_names`` of transformers.
    """
    base = check_number(f"lr={shorten(lr)}", lr, "Write lr=1e-3.")
    if weight_decay is not None:
        fix = "Write weight_decay=0.05."
        weight_decay = check_number(f"weight_decay={shorten(weight_decay)}", weight_decay, fix, may_be_zero=True)
    if is_groups(module):
        given = {"layer_decay": layer_decay, "no_decay": no_decay, "lr_mult": lr_mult, "layer_of": layer_of}
        return scaled_groups(
            module, base, weight_decay, prefix, [name for name, value in given.items() if value is not None]
        )
    if not isinstance(module, nn.Module):
        raise ScheduleError(
            f"param_groups({shorten(module)}, lr={lr!r}): it needs the module, because names and layers are found in its tree. "
            f"Write {_EXAMPLE}."
        )
    rules = GroupRules.of(module, weight_decay, layer_decay, no_decay, lr_mult, layer_of)
    found: dict[GroupKey, list[nn.Parameter]] = {}
    for parameter in rules.parameters:
        if parameter.value.requires_grad:
            found.setdefault(rules.key_of(parameter), []).append(parameter.value)
    if not found:
        raise ScheduleError(
            f"param_groups({type(module).__name__}): it has no trainable parameter. Write model.requires_grad_(True) for what is "
            "to be trained."
        )
    sections = list(dict.fromkeys(section for _, section, _ in found))
    keys = sorted(found, key=lambda key: (key[0], sections.index(key[1]), key[2]))
    return [
        {
            "name": f"{prefix}{name}",
            "params": found[key],
            "lr": base * rules.factor_of(key),
            **rules.weight_decay_of(key),
        }
        for key, name in zip(keys, _names(keys, rules), strict=True)
    ]


def _names(keys: Sequence[GroupKey], rules: GroupRules) -> Iterator[str]:
    """The names of the groups, all different; the layer is left out if a key of ``lr_mult`` has only one."""
    splits = any(is_exempt for *_, is_exempt in keys)
    used: Counter[str] = Counter()
    for layer, section, is_exempt in keys:
        is_spread = len({other[0] for other in keys if other[1] == section}) > 1
        number = f"layer{layer}" if rules.layers and (is_spread or not section) else ""
        place = ".".join(filter(None, (section or ("other" if rules.factors and not number else ""), number)))
        name = ".".join(
            filter(None, (place, "no_decay" if is_exempt else "" if place else "decay" if splits else "all"))
        )
        used[name] += 1
        yield name if used[name] == 1 else f"{name}-{used[name]}"
