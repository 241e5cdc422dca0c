"""Schedules as values: pure Python and NumPy, no torch.

A ``Schedule`` is written with units, a ``Horizon`` is the length of a run, and ``Schedule.resolve`` makes a ``Timeline`` of
both. Every class and function named here is public, and reachable as an attribute of ``lr_toolkit`` too.
"""

from lr_toolkit.schedules.duration import Duration as Duration
from lr_toolkit.schedules.duration import DurationLike as DurationLike
from lr_toolkit.schedules.horizon import Horizon as Horizon
from lr_toolkit.schedules.recipes import cosine_restarts as cosine_restarts
from lr_toolkit.schedules.recipes import flat_cosine as flat_cosine
from lr_toolkit.schedules.recipes import infinite as infinite
from lr_toolkit.schedules.recipes import inverse_sqrt as inverse_sqrt
from lr_toolkit.schedules.recipes import one_cycle as one_cycle
from lr_toolkit.schedules.recipes import one_minus_square as one_minus_square
from lr_toolkit.schedules.recipes import power_law as power_law
from lr_toolkit.schedules.recipes import slanted_triangular as slanted_triangular
from lr_toolkit.schedules.recipes import sqrt as sqrt
from lr_toolkit.schedules.recipes import square as square
from lr_toolkit.schedules.recipes import triangular as triangular
from lr_toolkit.schedules.recipes import wsd as wsd
from lr_toolkit.schedules.recipes import wsd_s as wsd_s
from lr_toolkit.schedules.registered_function import register_function as register_function
from lr_toolkit.schedules.registry import register_builder as register_builder
from lr_toolkit.schedules.registry import register_shape as register_shape
from lr_toolkit.schedules.schedule import Schedule as Schedule
from lr_toolkit.schedules.schedule import ScheduleLike as ScheduleLike
from lr_toolkit.schedules.shapes import *  # noqa: F403  # shapes/ lists its builders
from lr_toolkit.schedules.timeline import Timeline as Timeline
