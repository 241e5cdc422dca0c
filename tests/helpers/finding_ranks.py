"""A script: two gloo ranks search the base LR and train with it; each writes a report to the folder that is the first argument."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import torch

from lr_toolkit import LRFinder
from tests.helpers import two_ranks
from tests.helpers.finding import Regression, loader, trainer


def work() -> None:
    """A search on this rank, and the fit after it; then a fit at that LR without one."""
    reports = []
    finder = LRFinder(seed=3)
    for callbacks in ([finder], []):
        torch.manual_seed(1)
        module = Regression(lr=1e-3 if callbacks else finder.search.lr)  # type: ignore[union-attr]
        used = trainer(callbacks=callbacks, **two_ranks.OPTIONS)
        used.fit(module, loader())
        weights = [weight.flatten().tolist() for weight in module.parameters()]
        reports.append({"lrs": module.used, "weights": weights})
    search = finder.search
    assert search is not None
    report = {"lr": search.lr, "curve": [[trial.lr, trial.loss] for trial in search.curve], "fits": reports}
    Path(sys.argv[1], f"search-{used.global_rank}.json").write_text(json.dumps(report))


if __name__ == "__main__":
    two_ranks.on_two_ranks(work)
