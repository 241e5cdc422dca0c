"""Finding the base LR: short runs of the user's own schedule on copies, in a plain PyTorch loop or under a Trainer."""

from lr_toolkit.finder.result import LRSearch as LRSearch
from lr_toolkit.finder.result import NoLRFound as NoLRFound
from lr_toolkit.finder.search import search_lr as search_lr
