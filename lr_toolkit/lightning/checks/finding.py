"""What a check reports, and the registry of all checks."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal, TypeVar, final

__all__ = ["Check", "Finding", "When", "check", "checks_for", "list_checks"]

When = Literal["before training", "during training", "at the end of an epoch", "at an update", "when it happens"]
_Find = TypeVar("_Find", bound=Callable[..., Any])


@final
@dataclass(frozen=True, slots=True)
class Check:
    """One kind of mistake that the package recognizes.

    Args:
        code: the code of its findings. The first digit is the kind: 1 ownership, 2 units and lengths, 3 learning rates that
            teach nothing, 4 plateaus, 5 seen while the run goes on, 6 plan against fact, 7 warmup ramps and CUDA graphs.
        title: the mistake in one line.
        when: when it runs, which decides what ``find`` is given.
        find: the function that looks for the mistake.
    """

    code: str
    title: str
    when: When
    find: Callable[..., Any] = field(repr=False)

    @property
    def page(self) -> str:
        """Where the documentation shows the wrong and the right code."""
        return f"docs/checks.md#{self.code.lower()}"

    def __str__(self) -> str:
        return f"{self.code} ({self.when}): {self.title}"


@final
@dataclass(frozen=True, slots=True)
class Finding:
    """A mistake that a check found in a run.

    Args:
        code: the code of the check, for example ``"LR203"``.
        text: what is wrong, and the line to write instead.

    Example:
        >>> from lr_toolkit import Finding
        >>> finding = Finding("LR203", "CosineAnnealingLR has T_max=3, and gets 24 steps in this run.")
        >>> print(finding)
        LR203: CosineAnnealingLR has T_max=3, and gets 24 steps in this run.
        >>> finding.title
        'The scheduler ends before the run does'
        >>> finding.page
        'docs/checks.md#lr203'
    """

    code: str
    text: str

    @property
    def title(self) -> str:
        """The mistake in one line."""
        return _CHECKS[self.code].title

    @property
    def page(self) -> str:
        """Where the documentation shows the wrong and the right code."""
        return _CHECKS[self.code].page

    def __str__(self) -> str:
        return f"{self.code}: {self.text}"


_CHECKS: dict[str, Check] = {}


def check(code: str, title: str, when: When = "before training") -> Callable[[_Find], _Find]:
    """Register the decorated function as the check with this code; the function itself stays as it is.

    What the function is given and returns depends on ``when``:

    - ``"before training"``: ``(info: RunInfo) -> Iterator[str]``, the text of each finding.
    - ``"during training"``: ``(run: RunProgress, scheduler: SchedulerProgress) -> str``, the text of the finding or ``""``;
      called for each scheduler until it has reported.
    - ``"at the end of an epoch"``: ``(trainer: Trainer, config) -> str``, called on all ranks for each scheduler config.
    - ``"at an update"``: called by the monitor itself.
    - ``"when it happens"``: never called. The monitor, a callback or a scheduler notices the mistake and warns of it.

    Raises:
        ValueError: for a code that is malformed or taken.
    """
    if not re.fullmatch(r"LR[1-9]\d\d", code) or code in _CHECKS:
        raise ValueError(f"check({code!r}): must be 'LR' and three digits, and not in use yet.")

    def register(find: _Find) -> _Find:
        _CHECKS[code] = Check(code, title, when, find)
        return find

    return register


def list_checks() -> tuple[Check, ...]:
    """All checks of the package, in the order of their codes.

    Example:
        >>> from lr_toolkit import list_checks
        >>> print(list_checks()[0])
        LR101 (before training): Two schedulers drive one optimizer, and one overwrites the other
    """
    return tuple(_CHECKS[code] for code in sorted(_CHECKS))


def checks_for(when: When) -> tuple[Check, ...]:
    """The checks that run at this moment, in the order of their codes."""
    return tuple(check for check in list_checks() if check.when == when)
