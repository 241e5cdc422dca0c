"""The check for a plateau that waits for a validation, in a run that has none."""

from __future__ import annotations

from collections.abc import Iterator

from lr_toolkit.lightning._compat import brings_its_data, callbacks_of, overrides_hook
from lr_toolkit.lightning.checks.finding import check
from lr_toolkit.lightning.checks.plateau import watched_metrics
from lr_toolkit.lightning.checks.run_info import RunInfo
from lr_toolkit.lightning.checks.source import words_in_training, words_of

# Words of a metric that validation produces, and of code that validates in training.
_METRICS = {"dev", "eval", "val", "valid", "validation"}
_CODE = {"evaluate", "evaluation", "val", "validate", "validation"}


@check("LR409", "The plateau watches a metric of validation, and the run does not validate")
def never_validated(info: RunInfo) -> Iterator[str]:
    """Report a plateau whose metric is named for validation, if code that runs in training has no such word."""
    cause = _why_not_validated(info)
    for monitor in watched_metrics(info) if cause else ():
        words = words_of(monitor) & _METRICS
        if words and not words_in_training([info.module, *callbacks_of(info.trainer)]) & (words | _CODE):
            yield (
                f"The plateau watches {monitor!r}, and the run does not validate: {cause}, or let it watch what training_step "
                "logs: self.log('train_loss', loss) and monitor='train_loss'."
            )


def _why_not_validated(info: RunInfo) -> str:
    """The reason and the line to write; empty if the run validates, or if that is not known before a fit."""
    trainer = info.trainer
    if trainer.enable_validation:
        return ""
    if trainer.limit_val_batches == 0:
        return "limit_val_batches is 0. Write Trainer(limit_val_batches=1.0)"
    if not overrides_hook(info.module, "validation_step"):
        return f"{type(info.module).__name__} has no validation_step. Write one that calls self.log"
    if info.without_fit and not brings_its_data(trainer):
        return ""  # trainer.fit may be given more data than this look
    return "it has no validation data. Write trainer.fit(module, train_dataloaders, val_dataloaders)"
