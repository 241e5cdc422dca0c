"""Fine-tuning by layers: a pretrained network learns new classes, its first layers in smaller steps than its head.

Choose it for a pretrained network: what the first layers have learned is general, and large steps destroy it. Each layer has
``layer_decay`` times the learning rate of the layer after it; norms and biases have no weight decay. All groups follow one
schedule, each from its own base LR.

    timm: param_groups_layer_decay(model, layer_decay=0.5), whose lr_scale only timm's schedulers apply;
          param_groups(groups, lr=0.01) applies it for any other

Run it: python examples/finetune_groups.py
"""

from __future__ import annotations

import torch
import wandb
from digits import DigitsClassifier, DigitsData, device_of, make_trainer, read_curves
from lightning.pytorch.utilities.types import OptimizerLRSchedulerConfig
from torch import nn
from torch.utils.data import TensorDataset

from lr_toolkit import configure_optimizers, cosine, param_groups, warmup


class SomeDigits(DigitsData):
    """The pictures with labels from ``first`` to ``last``, and at most ``count`` of them for training."""

    def __init__(self, first: int, last: int, count: int = 1000) -> None:
        super().__init__(batch_size=20)
        self.train, self.val, self.test = (self._some(part, first, last) for part in (self.train, self.val, self.test))
        self.train = TensorDataset(*self.train[:count])

    @staticmethod
    def _some(data: TensorDataset, first: int, last: int) -> TensorDataset:
        images, labels = data.tensors
        chosen = (labels >= first) & (labels <= last)
        return TensorDataset(images[chosen], labels[chosen])


class Pretrained(DigitsClassifier):
    """The network before: trained on the digits 0 to 4."""

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        """All parameters in one group."""
        return configure_optimizers(torch.optim.AdamW(self.parameters(), lr=0.01), cosine(), self.trainer)


class Finetuned(DigitsClassifier):
    """The network after: with a new head for the digits 5 to 9."""

    def __init__(self, pretrained: Pretrained) -> None:
        super().__init__()
        self.network.load_state_dict(pretrained.network.state_dict())
        self.network[-1] = nn.Linear(128, 10)

    def configure_optimizers(self) -> OptimizerLRSchedulerConfig:
        """Six groups: three layers, each with weight decay and without."""
        groups = param_groups(self, lr=0.01, weight_decay=0.05, layer_decay=0.5)
        return configure_optimizers(torch.optim.AdamW(groups), warmup("10%") >> cosine(), self.trainer)


if __name__ == "__main__":
    pretrained = Pretrained()
    make_trainer("runs/finetune_groups/pretrained", max_epochs=5).fit(pretrained, SomeDigits(0, 4))
    wandb.finish()
    trainer = make_trainer("runs/finetune_groups/finetuned", max_epochs=10)
    trainer.fit(Finetuned(pretrained), SomeDigits(5, 9, count=100))
    wandb.finish()

    print(f"Trained on {device_of(trainer)}; logs in {trainer.default_root_dir}")
    print("group               weights   weight decay   first LR    peak LR    last LR")
    curves = read_curves(trainer.default_root_dir)
    for group in trainer.optimizers[0].param_groups:
        lrs = list(curves[f"lr/{group['name']}"].values())
        weights = sum(parameter.numel() for parameter in group["params"])
        print(
            f"{group['name']:17} {weights:9} {group['weight_decay']:14} {lrs[0]:10.3g} {max(lrs):10.3g} {lrs[-1]:10.3g}"
        )
    accuracies = list(curves["val_accuracy"].values())
    print(
        f"validation accuracy on the digits 5 to 9: {accuracies[0]:.1%} after an epoch, {accuracies[-1]:.1%} at the end"
    )
