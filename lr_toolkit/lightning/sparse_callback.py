"""The base of callbacks that Lightning does not call around each backward pass and each step of an optimizer."""

from __future__ import annotations

from lightning.pytorch.callbacks import Callback

__all__ = ["SparseCallback"]


class SparseCallback(Callback):
    """A callback without the four hooks that Lightning calls within a batch.

    Lightning passes over a hook that is ``None``, and does more work to call a hook that does nothing: in each batch more than
    the whole work of ``LRMonitor``.

    Attributes:
        state_key: as for any callback; no property, because Lightning asks for it at each hook.
    """

    state_key: str = ""

    def on_change(self) -> None:
        """A batch begins, before which the optimizers or the length of the run may have changed.

        Only a run is looked at that a schedule of this package follows.
        """

    on_before_zero_grad = on_before_backward = on_after_backward = on_before_optimizer_step = None  # type: ignore[assignment]
