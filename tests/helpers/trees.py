"""Small networks with the module trees of timm, torchvision and plain code, for what is read from a tree."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import torch
from torch import nn


class BasicBlock(nn.Module):
    """As in torchvision's resnet18, with its names."""

    def __init__(self, width: int, *, shrinks: bool) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(width, width, 3, bias=False), nn.BatchNorm2d(width)
        self.relu = nn.ReLU()
        self.conv2, self.bn2 = nn.Conv2d(width, width, 3, bias=False), nn.BatchNorm2d(width)
        if shrinks:
            self.downsample = nn.Sequential(nn.Conv2d(width, width, 1, bias=False), nn.BatchNorm2d(width))


class ResNet(nn.Module):
    """As torchvision's resnet18, with its names, and a width of 2."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 2, 7, bias=False), nn.BatchNorm2d(2)
        for stage in (1, 2, 3, 4):
            blocks = [BasicBlock(2, shrinks=stage > 1 and block == 0) for block in range(2)]
            setattr(self, f"layer{stage}", nn.Sequential(*blocks))
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc = nn.Linear(2, 2)


class MobileNet(nn.Module):
    """As torchvision's mobilenet_v2: a list of convolutions with their norms and of blocks, and a list for the head."""

    def __init__(self, blocks: int = 3) -> None:
        super().__init__()
        self.features = nn.Sequential(self.conv_norm(), *(InvertedResidual() for _ in range(blocks)), self.conv_norm())
        self.classifier = nn.Sequential(nn.Dropout(), nn.Linear(2, 2))

    @staticmethod
    def conv_norm() -> nn.Sequential:
        """torchvision's Conv2dNormActivation."""
        return nn.Sequential(nn.Conv2d(2, 2, 1, bias=False), nn.BatchNorm2d(2), nn.ReLU6())


class InvertedResidual(nn.Module):
    """Its list inside is no list of layers."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Sequential(
            MobileNet.conv_norm(), MobileNet.conv_norm(), nn.Conv2d(2, 2, 1, bias=False), nn.BatchNorm2d(2)
        )


class Attention(nn.Module):
    """As in timm."""

    def __init__(self) -> None:
        super().__init__()
        self.qkv, self.proj = nn.Linear(4, 12), nn.Linear(4, 4)


class Mlp(nn.Module):
    """As in timm."""

    def __init__(self) -> None:
        super().__init__()
        self.fc1, self.act, self.fc2 = nn.Linear(4, 8), nn.GELU(), nn.Linear(8, 4)


class LayerScale(nn.Module):
    """As in timm."""

    def __init__(self) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.ones(4))


class ViTBlock(nn.Module):
    """As timm's Block, with its names."""

    def __init__(self) -> None:
        super().__init__()
        self.norm1, self.attn, self.ls1 = nn.LayerNorm(4), Attention(), LayerScale()
        self.norm2, self.mlp, self.ls2 = nn.LayerNorm(4), Mlp(), LayerScale()


class PatchEmbed(nn.Module):
    """As in timm."""

    def __init__(self) -> None:
        super().__init__()
        self.proj = nn.Conv2d(3, 4, 2)


class ViT(nn.Module):
    """As timm's VisionTransformer, with its names, but without its methods."""

    def __init__(self, depth: int = 3) -> None:
        super().__init__()
        self.cls_token = nn.Parameter(torch.zeros(1, 1, 4))
        self.pos_embed = nn.Parameter(torch.zeros(1, 5, 4))
        self.patch_embed = PatchEmbed()
        self.blocks = nn.Sequential(*(ViTBlock() for _ in range(depth)))
        self.norm = nn.LayerNorm(4)
        self.head = nn.Linear(4, 2)


class TimmViT(ViT):
    """A ViT with the methods of timm's VisionTransformer that describe groups of parameters."""

    def no_weight_decay(self) -> set[str]:
        """The parameters that timm exempts."""
        return {"pos_embed", "cls_token", "dist_token"}

    def group_matcher(self, coarse: bool = False) -> dict[str, Any]:
        """timm's patterns."""
        return {
            "stem": r"^cls_token|pos_embed|patch_embed",
            "blocks": [(r"^blocks\.(\d+)", None), (r"^norm", (99999,))],
        }


class Wrapped(nn.Module):
    """A model inside of another module, with a head that is registered before it."""

    def __init__(self, backbone: nn.Module) -> None:
        super().__init__()
        self.head = nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.Linear(4, 2))
        self.backbone = backbone


class SiblingBlocks(nn.Module):
    """Blocks in attributes, with a head of the same class before them."""

    def __init__(self) -> None:
        super().__init__()
        self.head, self.block1, self.block2 = Mlp(), Mlp(), Mlp()


class Tied(nn.Module):
    """A language model whose output weight is its embedding."""

    def __init__(self) -> None:
        super().__init__()
        self.embed = nn.Embedding(6, 4)
        self.layers = nn.ModuleList(ViTBlock() for _ in range(2))
        self.lm_head = nn.Linear(4, 6, bias=False)
        self.lm_head.weight = self.embed.weight


def beit_layer(name: str, depth: int) -> int:
    """``get_num_layer_for_vit`` of BEiT, for a model of ``depth`` blocks; its final norm belongs to the head."""
    if name in ("cls_token", "mask_token", "pos_embed") or name.startswith("patch_embed"):
        return 0
    return int(name.split(".")[1]) + 1 if name.startswith("blocks") else depth + 1


def sequential(*widths: int) -> nn.Sequential:
    """Linear layers with ReLU between them."""
    parts: list[nn.Module] = []
    for before, behind in pairwise(widths):
        parts += [nn.Linear(before, behind), nn.ReLU()]
    return nn.Sequential(*parts[:-1])
