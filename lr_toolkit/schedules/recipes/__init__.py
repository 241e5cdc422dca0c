"""Recipes: named compositions of builders, never new mathematics. This list registers them."""

from lr_toolkit.schedules.recipes.cooldowns import flat_cosine as flat_cosine
from lr_toolkit.schedules.recipes.cooldowns import infinite as infinite
from lr_toolkit.schedules.recipes.cooldowns import wsd as wsd
from lr_toolkit.schedules.recipes.cooldowns import wsd_s as wsd_s
from lr_toolkit.schedules.recipes.cycles import cosine_restarts as cosine_restarts
from lr_toolkit.schedules.recipes.cycles import one_cycle as one_cycle
from lr_toolkit.schedules.recipes.cycles import slanted_triangular as slanted_triangular
from lr_toolkit.schedules.recipes.cycles import triangular as triangular
from lr_toolkit.schedules.recipes.endless import inverse_sqrt as inverse_sqrt
from lr_toolkit.schedules.recipes.endless import power_law as power_law
from lr_toolkit.schedules.recipes.powers import one_minus_square as one_minus_square
from lr_toolkit.schedules.recipes.powers import sqrt as sqrt
from lr_toolkit.schedules.recipes.powers import square as square
