"""Schedules as values: pure Python and NumPy, no torch.

A ``Schedule`` is written with units; a ``Horizon`` says how long the run is; together they give a ``Timeline``.
"""

from lr_toolkit.schedules.duration import Duration as Duration
from lr_toolkit.schedules.duration import DurationLike as DurationLike
from lr_toolkit.schedules.horizon import Horizon as Horizon
from lr_toolkit.schedules.recipes import wsd as wsd
from lr_toolkit.schedules.registry import register_builder as register_builder
from lr_toolkit.schedules.registry import register_shape as register_shape
from lr_toolkit.schedules.schedule import Schedule as Schedule
from lr_toolkit.schedules.schedule import ScheduleLike as ScheduleLike
from lr_toolkit.schedules.shapes import cosine as cosine
from lr_toolkit.schedules.shapes import custom as custom
from lr_toolkit.schedules.shapes import exponential as exponential
from lr_toolkit.schedules.shapes import hold as hold
from lr_toolkit.schedules.shapes import linear as linear
from lr_toolkit.schedules.shapes import multistep as multistep
from lr_toolkit.schedules.shapes import one_minus_sqrt as one_minus_sqrt
from lr_toolkit.schedules.shapes import polynomial as polynomial
from lr_toolkit.schedules.shapes import step as step
from lr_toolkit.schedules.shapes import warmup as warmup
from lr_toolkit.schedules.shapes.custom import register_function as register_function
from lr_toolkit.schedules.timeline import Timeline as Timeline
