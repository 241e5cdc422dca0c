"""``lr-toolkit branch``: the lines that branch a cooldown from a checkpoint."""

from __future__ import annotations

import argparse
import warnings

from lr_toolkit.cli.imports import add_import, import_modules
from lr_toolkit.schedules.recipes.cooldowns import COOLDOWNS

__all__ = ["add_branch"]


def add_branch(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the command to the parser."""
    branch = commands.add_parser("branch", help="print the lines that branch a cooldown from a checkpoint")
    branch.add_argument("checkpoint", metavar="CKPT", help="a checkpoint of a run with a stable LR; it is only read")
    branch.add_argument("--over", required=True, help="the length: 2000, '3 epochs', or '20%%' of the whole run")
    branch.add_argument("--shape", choices=list(COOLDOWNS), default="one_minus_sqrt", help="default: %(default)s")
    branch.add_argument(
        "--end", type=float, default=0.0, help="the final LR as a factor of the base LR; default: %(default)s"
    )
    add_import(branch)
    branch.set_defaults(run=_branch, parser=branch)


def _branch(parsed: argparse.Namespace) -> str:
    from lr_toolkit.optim.branching import branch

    import_modules(parsed.modules)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        cooldown = branch(parsed.checkpoint, parsed.over, parsed.shape, end=parsed.end)
    cautions = [warning.message for warning in caught if issubclass(warning.category, UserWarning)]
    return "".join(f"# Caution: {caution}\n" for caution in cautions) + (
        f"# {parsed.checkpoint} was saved after {cooldown.update} updates. With a ScheduleMixin write:\n"
        f"model.schedule, model.on_change = {str(cooldown.schedule)!r}, 'continue'\n"
        f"L.Trainer(max_steps={cooldown.max_steps}).fit(model, ckpt_path={parsed.checkpoint!r})\n"
        "# With the helper: configure_optimizers(optimizer, that schedule, self.trainer, on_change='continue')."
    )
