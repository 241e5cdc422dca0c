"""The schedules of other libraries, by their own names and arguments: one file, and one function, for each library.

    >>> from lr_toolkit.schedules import peers
    >>> peers.transformers("cosine", num_warmup_steps=500, num_training_steps=10000)
    warmup(500, start=0.0) >> cosine(over=9500)
    >>> peers.torch("StepLR", step_size=30)
    step(30)

Each function takes the name of a configuration of its library and that configuration's arguments, without the optimizer, and
returns the ``Schedule`` that equals it: the LR of every update is the library's, to nine digits. The docstring of the function
lists which conventions of the library are kept, and which were refused as defects. Lengths of a whole run may be left out, or be
``None``: then the schedule takes the length of the run.
"""

from lr_toolkit.schedules.peers.bolts import bolts as bolts
from lr_toolkit.schedules.peers.composer import composer as composer
from lr_toolkit.schedules.peers.deepspeed import deepspeed as deepspeed
from lr_toolkit.schedules.peers.keras import keras as keras
from lr_toolkit.schedules.peers.megatron import megatron as megatron
from lr_toolkit.schedules.peers.nemo import nemo as nemo
from lr_toolkit.schedules.peers.olmo_core import olmo_core as olmo_core
from lr_toolkit.schedules.peers.optax import optax as optax
from lr_toolkit.schedules.peers.timm import timm as timm
from lr_toolkit.schedules.peers.torch import torch as torch
from lr_toolkit.schedules.peers.torchtitan import torchtitan as torchtitan
from lr_toolkit.schedules.peers.transformers import transformers as transformers
