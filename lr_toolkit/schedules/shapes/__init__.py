"""The shapes, one file for each. This list registers their builders: a new shape adds its file, and its line here."""

from lr_toolkit.schedules.shapes.clipped import clipped as clipped
from lr_toolkit.schedules.shapes.cosine import cosine as cosine
from lr_toolkit.schedules.shapes.custom import custom as custom
from lr_toolkit.schedules.shapes.exponential import exponential as exponential
from lr_toolkit.schedules.shapes.exponential_to import exponential_to as exponential_to
from lr_toolkit.schedules.shapes.hold import hold as hold
from lr_toolkit.schedules.shapes.hyperbolic import hyperbolic as hyperbolic
from lr_toolkit.schedules.shapes.inverse_time import inverse_time as inverse_time
from lr_toolkit.schedules.shapes.linear import linear as linear
from lr_toolkit.schedules.shapes.multistep import multistep as multistep
from lr_toolkit.schedules.shapes.one_minus_sqrt import one_minus_sqrt as one_minus_sqrt
from lr_toolkit.schedules.shapes.piecewise import piecewise as piecewise
from lr_toolkit.schedules.shapes.polynomial import polynomial as polynomial
from lr_toolkit.schedules.shapes.power_cool import power_cool as power_cool
from lr_toolkit.schedules.shapes.repeat import repeat as repeat
from lr_toolkit.schedules.shapes.rex import rex as rex
from lr_toolkit.schedules.shapes.scaled import scaled as scaled
from lr_toolkit.schedules.shapes.stairs import stairs as stairs
from lr_toolkit.schedules.shapes.step import step as step
from lr_toolkit.schedules.shapes.tanh import tanh as tanh
from lr_toolkit.schedules.shapes.warmup import warmup as warmup
