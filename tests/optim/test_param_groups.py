"""Parameter groups: each parameter once, the layers of known trees, closed forms of the LRs, weight decay, names, refusals."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
import torch
import transformers
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from torch import nn
from transformers.trainer_pt_utils import get_parameter_names

from lr_toolkit import Horizon, ScheduledLR, ScheduleError, cosine, param_groups
from lr_toolkit.optim.layers import layers_of
from tests.helpers.trees import MobileNet, ResNet, SiblingBlocks, Tied, TimmViT, ViT, Wrapped, beit_layer, sequential

SMALL = {"hidden_size": 8, "num_hidden_layers": 3, "num_attention_heads": 2, "intermediate_size": 16}


def bert() -> nn.Module:
    """A small BERT with a classifier."""
    return transformers.BertForSequenceClassification(transformers.BertConfig(**SMALL, vocab_size=20))


def llama() -> nn.Module:
    """A small Llama."""
    config = transformers.LlamaConfig(**SMALL, vocab_size=20, num_key_value_heads=2, bos_token_id=1, eos_token_id=2)
    return transformers.LlamaForCausalLM(config)


def t5() -> nn.Module:
    """A small T5, whose embedding is shared by the encoder, the decoder and the output."""
    config = transformers.T5Config(d_model=8, d_kv=4, d_ff=8, num_layers=2, num_heads=2, vocab_size=20)
    return transformers.T5ForConditionalGeneration(config)


def swin() -> nn.Module:
    """A small Swin, whose blocks are in stages."""
    return transformers.SwinForImageClassification(
        transformers.SwinConfig(
            image_size=32, patch_size=2, embed_dim=8, depths=[1, 2], num_heads=[1, 2], window_size=2
        )
    )


def resnet_of_transformers() -> nn.Module:
    """A small ResNet of transformers, whose blocks are lists of convolutions."""
    return transformers.ResNetForImageClassification(
        transformers.ResNetConfig(hidden_sizes=[4, 8], depths=[1, 2], embedding_size=4)
    )


def lr_by_name(module: nn.Module, groups: list[dict[str, Any]]) -> dict[str, float]:
    """The LR of each trainable parameter by its first name."""
    lrs = {id(value): group["lr"] for group in groups for value in group["params"]}
    return {name: lrs[id(value)] for name, value in module.named_parameters() if value.requires_grad}


# --- layers of known trees ----------------------------------------------------------------------------------------------

# The beginnings of the names in each layer, from the input to the output.
TREES: dict[str, tuple[Callable[[], nn.Module], list[str]]] = {
    "BERT": (bert, [r"bert\.embeddings", *(rf"bert\.encoder\.layer\.{n}\." for n in range(3)), r"bert\.pooler|classifier"]),
    "Llama: the last norm belongs to the last block": (
        llama,
        [r"model\.embed", r"model\.layers\.0\.", r"model\.layers\.1\.", r"model\.(layers\.2\.|norm)", r"lm_head"],
    ),
    "T5: the decoder is behind the encoder": (
        t5,
        ["shared", r"encoder\.block\.0\.", r"encoder\.(block\.1\.|final)", r"decoder\.block\.0\.", r"decoder\.(block\.1\.|final)"],
    ),
    "Swin: stages are taken apart": (
        swin,
        [
            r"swin\.embeddings",
            r"swin\.encoder\.layers\.0\.blocks\.0\.",
            r"swin\.encoder\.layers\.0\.downsample",
            r"swin\.encoder\.layers\.1\.blocks\.0\.",
            r"swin\.(encoder\.layers\.1\.blocks\.1\.|layernorm)",
            "classifier",
        ],
    ),
    "ResNet of transformers: a list of convolutions is one block": (
        resnet_of_transformers,
        [
            r"resnet\.embedder",
            r"resnet\.encoder\.stages\.0\.layers\.0\.",
            r"resnet\.encoder\.stages\.1\.layers\.0\.",
            r"resnet\.encoder\.stages\.1\.layers\.1\.",
            "classifier",
        ],
    ),
    "torchvision's ResNet": (
        ResNet,
        ["conv1|bn1", *(rf"layer{stage}\.{block}\." for stage in (1, 2, 3, 4) for block in (0, 1)), "fc"],
    ),
    "torchvision's MobileNet": (MobileNet, [*(rf"features\.{n}\." for n in range(5)), "classifier"]),
    "timm's ViT by its patterns": (
        TimmViT,
        [r"cls_token|pos_embed|patch_embed", r"blocks\.0\.", r"blocks\.1\.", r"blocks\.2\.|norm", "head"],
    ),
    "a ViT without patterns": (
        ViT,
        [r"cls_token|pos_embed|patch_embed", r"blocks\.0\.", r"blocks\.1\.", r"blocks\.2\.|norm", "head"],
    ),
    "timm's ViT inside of a module": (
        lambda: Wrapped(TimmViT(1)),
        [r"backbone\.(cls|pos|patch)", r"backbone\.(blocks|norm)", r"head|backbone\.head"],
    ),
    "a head that is registered before its backbone": (
        lambda: Wrapped(bert()),
        [
            r"backbone\.bert\.embeddings",
            *(rf"backbone\.bert\.encoder\.layer\.{n}\." for n in range(3)),
            r"head|backbone\.(bert\.pooler|classifier)",
        ],
    ),
    "siblings of one class, with a head before them": (SiblingBlocks, [r"block1\.", r"block2\.", r"head\."]),
    "a frozen teacher beside a student": (
        lambda: nn.ModuleDict({"teacher": TimmViT(2).requires_grad_(False), "student": TimmViT(1)}),
        [r"student\.(cls|pos|patch)", r"student\.(blocks|norm)", r"student\.head|teacher"],
    ),
    "a tied output weight is in the first layer": (Tied, ["embed", r"layers\.0\.", r"layers\.1\."]),
    "a plain Sequential": (lambda: sequential(2, 2, 2, 2), [r"0\.", r"2\.", r"4\."]),
    "a Sequential with norms": (
        lambda: nn.Sequential(nn.Linear(2, 2), nn.LayerNorm(2), nn.Linear(2, 2), nn.BatchNorm1d(2)), [r"0\.|1\.", r"2\.|3\."]
    ),
    "torch's TransformerEncoder": (
        lambda: nn.TransformerEncoder(nn.TransformerEncoderLayer(4, 2, 4), 2, enable_nested_tensor=False),
        [r"layers\.0\.", r"layers\.1\."],
    ),
    "a pretrained model in a Sequential": (
        lambda: nn.Sequential(llama().model, nn.Linear(8, 2)),
        [r"0\.embed", r"0\.layers\.0\.", r"0\.layers\.1\.", r"0\.(layers\.2\.|norm)", r"1\."],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", TREES)
def test_the_layers_of_a_tree(name: str) -> None:
    """Every parameter is in the layer of the table, and the layers are numbered from 0."""
    make, patterns = TREES[name]
    layers = layers_of(make())

    assert sorted(set(layers.values())) == list(range(len(patterns)))
    assert {name: layer for name, layer in layers.items() if not re.match(patterns[layer], name)} == {}


@pytest.mark.parametrize("name", TREES)
def test_the_lr_of_a_layer_is_its_closed_form(name: str) -> None:
    """lr * layer_decay ** (depth - layer), for each parameter, with the layers of the table."""
    make, patterns = TREES[name]
    module = make()
    for layer_decay in (0.75, 0.65, 1.0):
        lrs = lr_by_name(module, param_groups(module, lr=2e-3, weight_decay=0.05, layer_decay=layer_decay))

        assert {name for name, value in module.named_parameters() if value.requires_grad} == set(lrs)
        for name, lr in lrs.items():
            (layer,) = [index for index, pattern in enumerate(patterns) if re.match(pattern, name)]
            assert lr == pytest.approx(2e-3 * layer_decay ** (len(patterns) - 1 - layer), rel=1e-12)


@pytest.mark.parametrize("depth", [1, 2, 12])
def test_the_layers_are_those_of_beit(depth: int) -> None:
    """Except for the final norm, which BEiT trains with the head, and timm and we with the last block."""
    module = ViT(depth)
    lrs = lr_by_name(module, param_groups(module, lr=1.0, layer_decay=0.75))

    assert {name: lr for name, lr in lrs.items() if not name.startswith("norm")} == {
        name: pytest.approx(0.75 ** (depth + 1 - beit_layer(name, depth)), rel=1e-12)
        for name, _ in module.named_parameters()
        if not name.startswith("norm")
    }


def test_a_function_gives_the_layer() -> None:
    """``layer_of`` in place of the tree: BEiT's own function gives BEiT's groups."""
    module = ViT(2)
    lrs = lr_by_name(module, param_groups(module, lr=1.0, layer_decay=0.5, layer_of=lambda name: beit_layer(name, 2)))

    assert lrs == {name: 0.5 ** (3 - beit_layer(name, 2)) for name, _ in module.named_parameters()}


def test_freezing_moves_no_layer() -> None:
    """The LRs of what is left are the same as before."""
    module = bert()
    before = lr_by_name(module, param_groups(module, lr=1.0, layer_decay=0.5))
    module.bert.embeddings.requires_grad_(False)
    module.bert.encoder.layer[1].requires_grad_(False)
    after = lr_by_name(module, param_groups(module, lr=1.0, layer_decay=0.5))

    assert after == {name: before[name] for name in after}
    assert sorted(set(after.values())) == [0.125, 0.5, 1.0]  # layer.0, layer.2, and the pooler with the classifier


# --- each parameter once ------------------------------------------------------------------------------------------------


class Node(nn.Module):
    """A module of random children, with a parameter of its own."""

    def __init__(self, children: list[nn.Module], *, has_own: bool) -> None:
        super().__init__()
        if has_own:
            self.token = nn.Parameter(torch.zeros(2))
        for index, child in enumerate(children):
            setattr(self, ("block", "head", "norm", "embed", "body")[index % 5] + str(index), child)


LEAVES = st.sampled_from(
    [
        lambda: nn.Linear(2, 2),
        lambda: nn.Linear(2, 2, bias=False),
        lambda: nn.LayerNorm(2),
        lambda: nn.BatchNorm1d(2),
        lambda: nn.Embedding(2, 2),
        nn.ReLU,
        lambda: nn.MultiheadAttention(2, 1),
        lambda: nn.LazyLinear(2),
    ]
).map(lambda make: make())
TREE = st.recursive(
    LEAVES,
    lambda children: st.one_of(
        st.lists(children, max_size=4).map(lambda parts: nn.Sequential(*parts)),
        st.lists(children, max_size=4).map(nn.ModuleList),
        st.builds(lambda parts, has_own: Node(parts, has_own=has_own), st.lists(children, max_size=4), st.booleans()),
    ),
    max_leaves=12,
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(TREE, st.data())
def test_each_trainable_parameter_is_in_one_group(tree: nn.Module, data: st.DataObject) -> None:
    """On random trees, with frozen and tied parameters and shared modules: the groups are a partition of what is trainable."""
    root = Node([tree, nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2))], has_own=False)
    linears = [part for part in root.modules() if type(part) is nn.Linear]
    first, second = data.draw(st.sampled_from(linears)), data.draw(st.sampled_from(linears))
    if data.draw(st.booleans()):
        first.weight = second.weight
    if data.draw(st.booleans()):
        root.again = first
    for value in root.parameters():
        value.requires_grad = data.draw(st.integers(0, 3)) > 0
    root.head1.requires_grad_(True)

    options = {
        "layer_decay": data.draw(st.sampled_from([None, 0.5])),
        "weight_decay": data.draw(st.sampled_from([None, 0.1])),
    }
    kinds = data.draw(st.none() | st.lists(st.sampled_from(["norms", "biases", "embeddings", "vectors"])))
    mult = data.draw(st.none() | st.just({"head1": 10.0}))
    groups = param_groups(root, lr=0.1, no_decay=kinds, lr_mult=mult, **options)

    members = Counter(id(value) for group in groups for value in group["params"])
    assert members == Counter(id(value) for value in root.parameters() if value.requires_grad)
    assert all(group["params"] for group in groups)
    assert len({group["name"] for group in groups}) == len(groups)
    torch.optim.SGD(groups, lr=9.0)  # torch refuses a parameter that is in two groups


def test_a_tied_parameter_gets_what_any_of_its_names_gets() -> None:
    """The factor and the exemption of the output's name count for the embedding that it shares."""
    module = Tied()
    groups = param_groups(module, lr=1.0, weight_decay=0.1, no_decay="lm_head.weight", lr_mult={"lm_head": 3.0})

    (tied,) = [group for group in groups if any(value is module.embed.weight for value in group["params"])]
    assert (tied["name"], tied["lr"], tied["weight_decay"], len(tied["params"])) == ("lm_head.no_decay", 3.0, 0.0, 1)


# --- weight decay -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("make", [bert, llama, swin])
def test_norms_and_biases_are_those_of_transformers(make: Callable[[], nn.Module]) -> None:
    """By default what decays is what transformers' Trainer decays."""
    module = make()
    patterns = [r"bias", r"layernorm", r"rmsnorm", r"(?:^|\.)norm(?:$|\.)", r"_norm(?:$|\.)"]
    decayed = set(get_parameter_names(module, [nn.LayerNorm], patterns))
    groups = param_groups(module, lr=1.0, weight_decay=0.1)

    names = {id(value): name for name, value in module.named_parameters()}
    ours = {names[id(value)] for group in groups if group["weight_decay"] for value in group["params"]}
    assert ours == decayed
    assert [(group["name"], group["weight_decay"]) for group in groups] == [("decay", 0.1), ("no_decay", 0.0)]


EXEMPT: dict[str, tuple[nn.Module, Any, str]] = {
    "norms": (ViT(1), "norms", r".*norm"),
    "biases": (ViT(1), "biases", r".*\.bias$"),
    "embeddings": (ViT(1), "embeddings", r"cls_token|pos_embed"),
    "embeddings of BERT": (bert(), "embeddings", r".*_embeddings\.weight"),
    "vectors, as timm and DINO": (ViT(1), "vectors", r".*(norm|bias|gamma)"),
    "several": (ViT(1), ["norms", "embeddings", "head"], r".*norm|cls_token|pos_embed|head"),
    "a pattern": (ViT(1), ["*.qkv.*"], r".*qkv"),
    "a module": (ViT(1), ["blocks.0.attn"], r"blocks\.0\.attn"),
    "none": (ViT(1), [], r"$^"),
    "timm's own list beside the default": (TimmViT(1), None, r".*(norm|bias)|pos_embed|cls_token"),
    "an in_proj_bias": (nn.Sequential(nn.MultiheadAttention(4, 2), nn.Linear(4, 4)), "biases", r".*bias"),
    "a norm over several dimensions": (nn.Sequential(nn.LayerNorm((2, 2)), nn.Linear(2, 2)), "norms", r"0\."),
}  # fmt: skip


@pytest.mark.parametrize("name", EXEMPT)
def test_what_no_decay_means(name: str) -> None:
    """Exactly these parameters have a weight decay of 0."""
    module, no_decay, pattern = EXEMPT[name]
    groups = param_groups(module, lr=1.0, weight_decay=0.1, no_decay=no_decay)

    decays = {id(value): group["weight_decay"] for group in groups for value in group["params"]}
    assert {name: decays[id(value)] for name, value in module.named_parameters()} == {
        name: 0.0 if re.match(pattern, name) else 0.1 for name, _ in module.named_parameters()
    }


def test_a_parameter_may_ask_for_no_decay_itself() -> None:
    """As the parameters of Mamba do."""
    module = nn.Linear(2, 2, bias=False)
    module.weight._no_weight_decay = True

    assert [group["weight_decay"] for group in param_groups(module, lr=1.0, weight_decay=0.1)] == [0.0]


def test_without_weight_decay_it_is_the_optimizer_s() -> None:
    """No group has the key, except for those that ``no_decay`` names."""
    assert all("weight_decay" not in group for group in param_groups(ViT(1), lr=1.0, layer_decay=0.5))
    decays = [group.get("weight_decay") for group in param_groups(ViT(1), lr=1.0, no_decay="norms")]
    assert decays == [None, 0.0]
    optimizer = torch.optim.AdamW(param_groups(ViT(1), lr=1.0, no_decay="norms"))
    assert [group["weight_decay"] for group in optimizer.param_groups] == [0.01, 0.0]


# --- names and factors --------------------------------------------------------------------------------------------------

NAMES: dict[str, tuple[dict[str, Any], list[tuple[str, float]]]] = {
    "nothing": ({}, [("all", 1.0)]),
    "weight decay": ({"weight_decay": 0.1}, [("decay", 1.0), ("no_decay", 1.0)]),
    "no weight decay at all": ({"weight_decay": 0.0}, [("all", 1.0)]),
    "factors": (
        {"lr_mult": {"backbone.blocks": 0.5, "head": 10}}, [("head", 10.0), ("other", 1.0), ("backbone.blocks", 0.5)]
    ),
    "the first match counts": (
        {"lr_mult": {"backbone.head": 4, "backbone": 2}}, [("other", 1.0), ("backbone", 2.0), ("backbone.head", 4.0)]
    ),
    "layers": ({"layer_decay": 0.5}, [("layer0", 0.25), ("layer1", 0.5), ("layer2", 1.0)]),
    "layers and factors": (
        {"layer_decay": 0.5, "lr_mult": {"head": 8}},
        [("layer0", 0.25), ("layer1", 0.5), ("head", 8.0), ("layer2", 1.0)],
    ),
    "a key in several layers": (
        {"layer_decay": 0.5, "lr_mult": {"backbone": 2}},
        [("backbone.layer0", 0.5), ("backbone.layer1", 1.0), ("layer2", 1.0), ("backbone.layer2", 2.0)],
    ),
    "a prefix": ({"prefix": "vision.", "layer_decay": 0.5}, [("vision.layer0", 0.25), ("vision.layer1", 0.5), ("vision.layer2", 1.0)]),
}  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_names_and_lrs(name: str) -> None:
    """Each group has a descriptive name, and its LR."""
    options, expected = NAMES[name]
    groups = param_groups(Wrapped(ViT(1)), lr=1.0, **options)

    assert [(group["name"], group["lr"]) for group in groups] == expected


def test_names_stay_different() -> None:
    """Even if a key is called like the group of a layer."""
    groups = param_groups(ResNet(), lr=1.0, layer_decay=0.5, lr_mult={"layer4.0": 2, "layer4": 3})
    names = [group["name"] for group in param_groups(ViT(3), lr=1.0, layer_decay=0.5, lr_mult={"head": 2})]

    assert [group["name"] for group in groups][-3:] == ["layer4.0", "layer4-2", "layer9"]
    assert len({group["name"] for group in groups}) == len(groups)
    assert names == ["layer0", "layer1", "layer2", "layer3", "head"]


def test_the_groups_follow_a_schedule_from_their_own_base_lr() -> None:
    """In a plain loop each group's LR is base * factor * cosine at every update."""
    module = sequential(4, 4, 4, 4)
    groups = param_groups(module, lr=0.1, weight_decay=0.1, layer_decay=0.5)
    optimizer = torch.optim.SGD(groups)
    scheduler = ScheduledLR(optimizer, cosine(), Horizon(10))
    timeline = cosine().resolve(Horizon(10))

    for k in range(10):
        layers = [int(group["name"][5]) for group in optimizer.param_groups]
        assert [group["lr"] for group in optimizer.param_groups] == [0.1 * 0.5 ** (2 - n) * timeline(k) for n in layers]
        module(torch.ones(2, 4)).sum().backward()
        optimizer.step()
        scheduler.step()


def test_two_towers_in_one_optimizer() -> None:
    """The groups of two calls, each with its prefix, are a partition with different names."""
    model = nn.ModuleDict({"vision": ViT(2), "text": Tied()})
    groups = [
        group
        for tower in ("vision", "text")
        for group in param_groups(model[tower], lr=1.0, layer_decay=0.5, prefix=f"{tower}.")
    ]

    assert [group["name"] for group in torch.optim.SGD(groups).param_groups] == [
        *(f"vision.layer{layer}" for layer in range(4)),
        *(f"text.layer{layer}" for layer in range(3)),
    ]
    assert sum(len(group["params"]) for group in groups) == len(list(model.parameters()))


# --- groups of other libraries ------------------------------------------------------------------------------------------


def timm_groups(module: nn.Module) -> list[dict[str, Any]]:
    """What timm's ``param_groups_layer_decay`` returns, with a decay of 0.5."""
    layers = layers_of(module)
    groups: dict[tuple[int, bool], dict[str, Any]] = {}
    for name, value in module.named_parameters():
        key = (layers[name], value.ndim <= 1)
        scale = 0.5 ** (max(layers.values()) - layers[name])
        new = {"lr_scale": scale, "weight_decay": 0.0 if key[1] else 0.05, "params": []}
        groups.setdefault(key, new)["params"].append(value)
    return list(groups.values())


def test_lr_scale_of_timm_is_applied() -> None:
    """The LRs are those of our own layer decay, and no group has the key any more."""
    module = TimmViT(2)
    given = timm_groups(module)
    groups = param_groups(given, lr=1e-3)

    own = lr_by_name(module, param_groups(module, lr=1e-3, layer_decay=0.5))
    assert lr_by_name(module, groups) == own
    assert not any("lr_scale" in group for group in groups)
    assert all("lr_scale" in group for group in given)  # nothing is written to what was given


def test_groups_keep_what_they_have() -> None:
    """Their own LR is multiplied, their own weight decay and other keys stay, and a prefix joins their names."""
    weights = [nn.Parameter(torch.ones(1)) for _ in range(3)]
    given = [
        {"params": [weights[0]], "lr_mult": 10.0, "lr": 0.5, "name": "head"},
        {"params": [weights[1]], "lr_multiplier": 0.5, "weight_decay": 0.0, "betas": (0.9, 0.95)},
        {"params": [weights[2]]},
    ]

    assert param_groups(given, lr=0.1, weight_decay=0.2, prefix="a.") == [
        {"params": [weights[0]], "lr": 5.0, "name": "a.head", "weight_decay": 0.2},
        {"params": [weights[1]], "lr": 0.05, "weight_decay": 0.0, "betas": (0.9, 0.95)},
        {"params": [weights[2]], "lr": 0.1, "weight_decay": 0.2},
    ]


# --- refusals -----------------------------------------------------------------------------------------------------------

NET = nn.Sequential(nn.Linear(2, 2), nn.LayerNorm(2), nn.Linear(2, 2))
FROZEN = nn.Linear(2, 2).requires_grad_(False)
WITHOUT_LR = [{"params": [], "lr_scale": 0.5}]

REFUSED: dict[str, tuple[Callable[[], Any], str]] = {
    "no lr": (lambda: param_groups(NET), "missing a required.*'lr'.*Write param_groups"),
    "an lr of 0": (lambda: param_groups(NET, lr=0), "lr=0.*above 0.*Write lr=1e-3"),
    "an lr that is text": (lambda: param_groups(NET, lr="1e-3"), "lr='1e-3'.*Write lr=1e-3"),
    "an lr that is no number": (lambda: param_groups(NET, lr=float("nan")), "lr=nan.*above 0"),
    "an infinite lr": (lambda: param_groups(NET, lr=float("inf")), "lr=inf.*finite"),
    "an lr that is True": (lambda: param_groups(NET, lr=True), "lr=True"),
    "a negative weight decay": (lambda: param_groups(NET, lr=1, weight_decay=-1), "weight_decay=-1.*zero or more"),
    "layers in percent": (lambda: param_groups(NET, lr=1, layer_decay=75), "layer_decay=75.*at most 1.*Write layer_decay=0.75"),
    "a layer decay of 0": (lambda: param_groups(NET, lr=1, layer_decay=0), "layer_decay=0.*above 0"),
    "a single layer": (lambda: param_groups(nn.Linear(2, 2), lr=1, layer_decay=0.5), "only one layer.*layer_of=lambda"),
    "parameters": (lambda: param_groups(list(NET.parameters()), lr=1), "needs the module"),
    "named parameters": (lambda: param_groups(NET.named_parameters(), lr=1), "needs the module"),
    "an empty list": (lambda: param_groups([], lr=1), r"param_groups\(\[\], lr=1\): it needs the module"),
    "nothing to train": (lambda: param_groups(FROZEN, lr=1), "no trainable parameter.*requires_grad_"),
    "a word in the singular": (lambda: param_groups(NET, lr=1, no_decay="norm"), "'norm' matches no parameter.*Write 'norms'"),
    "a name with a slip": (lambda: param_groups(NET, lr=1, no_decay=["2.wieght"]), "Write '2.weight'"),
    "no_decay as a flag": (lambda: param_groups(NET, lr=1, no_decay=True), r"no_decay=True.*Write no_decay=\['norms'"),
    "a number as a name": (lambda: param_groups(NET, lr=1, no_decay=[2]), "2 matches no parameter"),
    "a factor for nothing": (lambda: param_groups(NET, lr=1, lr_mult={"neck": 2}), "'neck' matches no parameter.*0.weight"),
    "a factor for a module inside": (
        lambda: param_groups(Wrapped(ViT(1)), lr=1, lr_mult={"patch_embed": 2}), "Write 'backbone.patch_embed'"
    ),
    "a factor of 0": (lambda: param_groups(NET, lr=1, lr_mult={"2": 0}), r"'2': 0.*requires_grad_\(False\)"),
    "a factor that is text": (lambda: param_groups(NET, lr=1, lr_mult={"2": "10x"}), "'10x'"),
    "one factor for all": (lambda: param_groups(NET, lr=1, lr_mult=0.1), "lr_mult=0.1.*mapping"),
    "a factor that never counts": (
        lambda: param_groups(NET, lr=1, lr_mult={"2": 0.1, "2.weight": 1}), r"'2' before it.*Write lr_mult=\{'2.weight': 1.0, '2': 0.1\}"
    ),
    "layers without their decay": (lambda: param_groups(NET, lr=1, layer_of=len), "Write layer_decay=0.75"),
    "a layer below 0": (lambda: param_groups(NET, lr=1, layer_decay=0.5, layer_of=lambda name: -1), "gives -1 for '0.weight'"),
    "no layer": (lambda: param_groups(NET, lr=1, layer_decay=0.5, layer_of=lambda name: None), "gives None"),
    "another name for lr": (lambda: param_groups(NET, learning_rate=1), "Write lr=1"),
    "timm's name for no_decay": (lambda: param_groups(NET, lr=1, no_weight_decay_list=["2"]), r"Write no_decay=\['2'\]"),
    "an argument with a slip": (lambda: param_groups(NET, lr=1, layer_dacay=0.5), "Write layer_decay=0.5"),
    "a positional lr": (lambda: param_groups(NET, 1e-3), "Write param_groups"),
    "layers of groups": (lambda: param_groups(WITHOUT_LR, lr=1, layer_decay=0.5), r"made already.*Write param_groups\(model"),
    "a factor in a group that is text": (lambda: param_groups([{"params": [], "lr_scale": "a"}], lr=1), "group 0 has lr_scale='a'"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_wrong_input_is_refused(name: str) -> None:
    """The message shows what was given, what is possible, and the line to write."""
    act, message = REFUSED[name]
    with pytest.raises(ScheduleError, match=f"(?s){message}"):
        act()
