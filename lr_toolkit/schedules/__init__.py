"""Schedules as values: pure Python and NumPy, no torch.

A ``Schedule`` is written with units; a ``Horizon`` says how long the run is; together they give a ``Timeline``.
"""

from lr_toolkit.schedules.builders import cosine as cosine
from lr_toolkit.schedules.builders import custom as custom
from lr_toolkit.schedules.builders import exponential as exponential
from lr_toolkit.schedules.builders import hold as hold
from lr_toolkit.schedules.builders import linear as linear
from lr_toolkit.schedules.builders import multistep as multistep
from lr_toolkit.schedules.builders import one_minus_sqrt as one_minus_sqrt
from lr_toolkit.schedules.builders import polynomial as polynomial
from lr_toolkit.schedules.builders import step as step
from lr_toolkit.schedules.builders import warmup as warmup
from lr_toolkit.schedules.duration import Duration as Duration
from lr_toolkit.schedules.duration import DurationLike as DurationLike
from lr_toolkit.schedules.horizon import Horizon as Horizon
from lr_toolkit.schedules.recipes import wsd as wsd
from lr_toolkit.schedules.schedule import Schedule as Schedule
from lr_toolkit.schedules.schedule import ScheduleLike as ScheduleLike
from lr_toolkit.schedules.timeline import Timeline as Timeline
