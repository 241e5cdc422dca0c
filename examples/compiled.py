"""A compiled optimizer under a schedule: the learning rate changes at every update, and a single graph is compiled.

torch.compile treats a float LR as a constant and compiles again when it changes, several times. Write the base LR as a tensor,
``lr=torch.tensor(3e-4)``: ScheduledLR fills it in place and never replaces it. A captured CUDA graph reads it at each replay
too, if it is on the GPU, ``lr=torch.tensor(3e-4, device="cuda")``, and the optimizer is ``capturable=True``: capture
``optimizer.step()`` once, then alternate ``graph.replay()`` and ``scheduler.step()``.

Run it: python examples/compiled.py
"""

from __future__ import annotations

import logging
import shutil
import time
import warnings
from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch._dynamo.testing import CompileCounterWithBackend

from lr_toolkit import Horizon, ScheduledLR, cosine, warmup

UPDATES = 60
DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
# inductor generates the fastest code, and needs a C++ compiler on a CPU; aot_eager compiles the same graphs without one.
BACKEND = "inductor" if DEVICE.type == "cuda" or shutil.which("g++") or shutil.which("clang++") else "aot_eager"


def train(lr: Any) -> tuple[int, int, float, float]:
    """Train a small network, and return the number of compiled graphs, the number of LRs, the loss and the seconds."""
    torch._dynamo.reset()
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(16, 32), nn.Tanh(), nn.Linear(32, 1)).to(DEVICE)
    inputs = torch.randn(256, 16, device=DEVICE)
    targets = inputs.square().mean(dim=1, keepdim=True)
    optimizer = torch.optim.AdamW(network.parameters(), lr=lr)
    scheduler = ScheduledLR(optimizer, warmup("10%") >> cosine(end=0.1), Horizon(steps=UPDATES))
    graphs = CompileCounterWithBackend(BACKEND)
    update: Callable[[], None] = torch.compile(optimizer.step, backend=graphs)

    used: set[float] = set()
    begin = time.perf_counter()
    for _ in range(UPDATES):
        loss = nn.functional.mse_loss(network(inputs), targets)
        optimizer.zero_grad()
        loss.backward()
        update()
        used.update(float(lr) for lr in scheduler.get_last_lr())  # plain numbers: no device is read
        scheduler.step()
    return graphs.frame_count, len(used), loss.item(), time.perf_counter() - begin


if __name__ == "__main__":
    warnings.filterwarnings("ignore")  # torch.compile's own imports
    torch._logging.set_logs(dynamo=logging.ERROR)  # it warns that it skips the profiler's marks in optimizer.step()
    torch.set_num_threads(1)
    print(f"{UPDATES} compiled updates on {DEVICE} with {BACKEND}\nLR       graphs  LRs used    loss  seconds")
    for name, lr in (("tensor", torch.tensor(0.02, device=DEVICE)), ("float", 0.02)):
        graphs, used, loss, seconds = train(lr)
        print(f"{name:8} {graphs:6} {used:9} {loss:7.4f} {seconds:8.1f}")
