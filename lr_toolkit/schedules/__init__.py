"""Schedules as values: pure Python and NumPy, no torch.

A ``Schedule`` is written with units, a ``Horizon`` is the length of a run, and ``Schedule.resolve`` makes a ``Timeline`` of
both. Every class and function named here is public, and reachable as an attribute of ``lr_toolkit`` too.
"""

from lr_toolkit.schedules.absolute_levels import Absolute as Absolute
from lr_toolkit.schedules.absolute_levels import absolute as absolute
from lr_toolkit.schedules.convex_bound import bound as bound
from lr_toolkit.schedules.convex_bound import lr_factor as lr_factor
from lr_toolkit.schedules.duration import Duration as Duration
from lr_toolkit.schedules.duration import DurationLike as DurationLike
from lr_toolkit.schedules.horizon import Horizon as Horizon
from lr_toolkit.schedules.lr_transfer import transfer as transfer
from lr_toolkit.schedules.recipes import *  # noqa: F403  # recipes/ lists its builders
from lr_toolkit.schedules.registered_function import register_function as register_function
from lr_toolkit.schedules.registry import register_builder as register_builder
from lr_toolkit.schedules.registry import register_shape as register_shape
from lr_toolkit.schedules.schedule import Schedule as Schedule
from lr_toolkit.schedules.schedule import ScheduleLike as ScheduleLike
from lr_toolkit.schedules.shapes import *  # noqa: F403  # shapes/ lists its builders
from lr_toolkit.schedules.timeline import Timeline as Timeline
from lr_toolkit.schedules.transferred_lr import TransferFactor as TransferFactor
from lr_toolkit.schedules.transferred_lr import TransferredLR as TransferredLR
