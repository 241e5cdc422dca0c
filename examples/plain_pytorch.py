"""Plain PyTorch: the same schedules in a loop of your own, without Lightning.

A ``Horizon`` is the length of the run in calls of ``scheduler.step()``: in updates if the loop calls it after every batch, in
epochs if the loop calls it once per epoch. Call it after ``optimizer.step()``, as in torch.

Run it: python examples/plain_pytorch.py
"""

from __future__ import annotations

import torch
from sklearn.datasets import load_digits
from torch import nn

from lr_toolkit import Horizon, Schedule, ScheduledLR, cosine, step, warmup

EPOCHS, UPDATES = 8, 25
DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")


def train(schedule: Schedule, horizon: Horizon) -> None:
    """Train a small network, and print the learning rates of the first and the last update of each epoch."""
    torch.manual_seed(0)
    images, labels = (torch.from_numpy(array).to(DEVICE) for array in load_digits(return_X_y=True))
    images = images.float() / 16
    network = nn.Sequential(nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 10)).to(DEVICE)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.5)
    scheduler = ScheduledLR(optimizer, schedule, horizon)

    print(f"{scheduler.schedule}, {horizon}\nepoch   first LR    last LR   loss")
    for epoch in range(EPOCHS):
        used = []
        for batch in torch.randperm(1000).chunk(UPDATES):
            loss = nn.functional.cross_entropy(network(images[batch]), labels[batch])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            used += scheduler.get_last_lr()
            if horizon.unit == "step":
                scheduler.step()
        if horizon.unit == "epoch":
            scheduler.step()
        print(f"{epoch:5} {used[0]:10.3g} {used[-1]:10.3g} {loss.item():6.3f}")


if __name__ == "__main__":
    torch.set_num_threads(1)  # with such a small network more threads only cost time
    print(f"Training on {DEVICE}")
    train(warmup("5%") >> cosine(end=0.1), Horizon(steps=EPOCHS * UPDATES, steps_per_epoch=UPDATES))
    train(step("3 epochs", gamma=0.3), Horizon(steps=EPOCHS, unit="epoch"))
