"""A search with Optuna over schedules: each trial trains a text, and the best one is trained for longer.

Choose it if several parts of a schedule are open. A schedule is a text, so a trial puts it together from its choices; a share
of the run, such as '10%', has the same meaning in a short trial and in the long run that follows it.

Run it: python examples/optuna_search.py
"""

from __future__ import annotations

import optuna
import torch
from digits import DigitsClassifier, DigitsData, make_trainer, report

from lr_toolkit import ScheduleMixin

TRIALS = 6


class SearchedClassifier(ScheduleMixin, DigitsClassifier):
    """The schedule and the base LR are hyperparameters."""

    def __init__(self, schedule: str, lr: float) -> None:
        super().__init__()
        self.save_hyperparameters()

    def build_optimizer(self) -> torch.optim.Optimizer:
        """SGD with the base LR of the trial."""
        return torch.optim.SGD(self.parameters(), lr=self.hparams["lr"])


def schedule_of(choices: dict[str, float | str]) -> str:
    """The text of the schedule that a trial has chosen."""
    return f"warmup('{choices['warmup']}%') >> {choices['decay']}"


def accuracy(trial: optuna.Trial) -> float:
    """The validation accuracy after three epochs."""
    trial.suggest_categorical("decay", ["cosine()", "linear()", "hold() >> one_minus_sqrt(over='40%')"])
    trial.suggest_int("warmup", 5, 20, step=5)
    trial.suggest_float("lr", 0.05, 1.0, log=True)
    trainer = make_trainer(f"runs/optuna_search/trial{trial.number}", max_epochs=3, to_wandb=False)
    trainer.fit(SearchedClassifier(schedule_of(trial.params), trial.params["lr"]), DigitsData())
    return float(trainer.callback_metrics["val_accuracy"])


if __name__ == "__main__":
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=0))
    study.optimize(accuracy, n_trials=TRIALS)
    for trial in study.trials:
        print(f"trial {trial.number}: {trial.value:.1%} with {schedule_of(trial.params)} from {trial.params['lr']:.3g}")
    best = SearchedClassifier(schedule_of(study.best_params), study.best_params["lr"])
    print(f"The best: {best.hparams['schedule']} from {best.hparams['lr']:.3g}")
    trainer = make_trainer("runs/optuna_search/best")
    trainer.fit(best, DigitsData())
    report(trainer)
