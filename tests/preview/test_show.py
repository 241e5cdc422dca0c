"""``lr-toolkit show``: what it prints, what it refuses, and what it loads."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import lightning as L
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.utils.data import DataLoader, DistributedSampler, TensorDataset

from lr_toolkit import Horizon
from lr_toolkit.cli import main
from lr_toolkit.cli.length import updates_per_epoch
from tests.helpers.fits import Net, loader
from tests.preview.golden import WORDS, golden_file, shown
