"""Checks that find mistakes in learning-rate schedules, before a run and during it; importing this package registers them."""

from lr_toolkit.lightning.checks import dead_lrs as dead_lrs
from lr_toolkit.lightning.checks import double_steps as double_steps
from lr_toolkit.lightning.checks import elsewhere as elsewhere
from lr_toolkit.lightning.checks import far_below as far_below
from lr_toolkit.lightning.checks import lengths as lengths
from lr_toolkit.lightning.checks import milestones as milestones
from lr_toolkit.lightning.checks import ownership as ownership
from lr_toolkit.lightning.checks import pace as pace
from lr_toolkit.lightning.checks import plan_mismatch as plan_mismatch
from lr_toolkit.lightning.checks import plateau as plateau
from lr_toolkit.lightning.checks import running as running
from lr_toolkit.lightning.checks import units as units
from lr_toolkit.lightning.checks import unreturned as unreturned
from lr_toolkit.lightning.checks import unvalidated as unvalidated
