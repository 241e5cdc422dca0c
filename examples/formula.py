"""A formula of your own by its name: a registered function, called in a text with numbers that a sweep may change.

Choose it if ``custom(fn)`` is not enough because the schedule has to be a text: in a YAML file, on the command line, in a sweep
or in a checkpoint. The first argument of the function is the update of the phase, the second the length of the phase; arguments
after the ``*`` become arguments of the builder. Register it in a module that each process imports before it reads the text.

Run it: python examples/formula.py
        python examples/formula.py "warmup('10%') >> waves(times=5, depth=0.9)"
"""

from __future__ import annotations

import math
import sys

import torch
from digits import DigitsClassifier, DigitsData, make_trainer, report

from lr_toolkit import Schedule, ScheduleMixin, register_function


@register_function
def waves(update: int, length: int, *, times: int = 3, depth: float = 0.5) -> float:
    """A line to zero, on which waves ride."""
    wave = math.sin(math.pi * times * update / length) ** 2
    return (1 - update / length) * (1 - depth * wave)


class FormulaClassifier(ScheduleMixin, DigitsClassifier):
    """The schedule is a hyperparameter, given as a text."""

    def __init__(self, schedule: Schedule | str) -> None:
        super().__init__()
        self.save_hyperparameters()

    def build_optimizer(self) -> torch.optim.Optimizer:
        """SGD at the LR of the other examples."""
        return torch.optim.SGD(self.parameters(), lr=0.5)


if __name__ == "__main__":
    text = sys.argv[1] if len(sys.argv) > 1 else "warmup('10%') >> waves(times=4)"
    print(Schedule.parse(text))
    trainer = make_trainer("runs/formula")
    trainer.fit(FormulaClassifier(text), DigitsData())
    report(trainer)
