"""Turns findings into warnings: each once, on the first rank, unless its code is ignored."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from difflib import get_close_matches
from typing import TYPE_CHECKING, final

from lr_toolkit.errors import ScheduleError, shorten, warn_caller
from lr_toolkit.lightning.checks.finding import Finding, list_checks

if TYPE_CHECKING:
    from lightning.pytorch import Trainer

__all__ = ["Reporter"]


@final
class Reporter:
    """Warns of findings, and keeps them; as a listener, what other parts of the package warn of too.

    Args:
        ignore: codes of checks whose findings are dropped.

    Raises:
        ScheduleError: for a code that no check has.

    Example:
        >>> Reporter(ignore=["lr203"])
        Traceback (most recent call last):
        ...
        lr_toolkit.errors.ScheduleError: LRMonitor(ignore=['lr203']): no check has the code 'lr203'. Did you mean 'LR203'? \
lr_toolkit.list_checks() lists all of them.
    """

    def __init__(self, ignore: Collection[str] = ()) -> None:
        known = [check.code for check in list_checks()]
        if isinstance(ignore, str):
            raise ScheduleError(f"LRMonitor(ignore={ignore!r}): must be a list of codes. Write ignore=[{ignore!r}].")
        for code in ignore:
            if code not in known:
                near = " or ".join(map(repr, _similar(str(code).upper(), known)))
                raise ScheduleError(
                    f"LRMonitor(ignore={shorten(list(ignore))}): no check has the code {code!r}. "
                    f"{near and f'Did you mean {near}? '}lr_toolkit.list_checks() lists all of them."
                )
        self._ignore = frozenset(ignore)
        self._findings: dict[Finding, None] = {}

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Everything reported so far, in order."""
        return tuple(self._findings)

    def report(self, trainer: Trainer, findings: Iterable[Finding]) -> None:
        """Warn of each finding that is new, on the first rank."""
        if not trainer.is_global_zero:
            return
        for finding in findings:
            if self._keep(finding):
                warn_caller(str(finding))

    def notify(self, code: str, text: str) -> bool:
        """Keep what another part of the package warns of; returns whether it is new, and not to be ignored."""
        return self._keep(Finding(code, text))

    def _keep(self, finding: Finding) -> bool:
        if finding.code in self._ignore or finding in self._findings:
            return False
        self._findings[finding] = None
        return True


def _similar(code: str, known: list[str]) -> list[str]:
    """The code itself, if only its spelling was wrong; otherwise the codes that resemble it."""
    return [code] if code in known else get_close_matches(code, known, n=3)
