"""Each line to write that a warning prints, taken from the warning and pasted into a program, which is right and quiet."""

from __future__ import annotations

import re
import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import torch
from torch.optim import SGD, Adam

import lr_toolkit
from lr_toolkit import Horizon, Schedule, ScheduledLR, ScheduleWarning, cosine, list_checks
from lr_toolkit.lightning.monitor.recorder import UpdateRecorder
from lr_toolkit.optim.multiplier import LRMultiplier
from tests.helpers.capturing import captured
from tests.helpers.optimizers import Still
from tests.lightning.checks.test_docs import RAISES, SECTIONS, messages_of

WRONG = {section.code: section for section in SECTIONS}


def module(body: str, fit: str = "", *, methods: str = "", base: str = "Model") -> str:
    """A program that fits a module whose ``configure_optimizers`` ends with ``body``; the arguments of the fit follow."""
    lines = "".join(f"        {line}\n" for line in body.splitlines())
    return (
        f"class Right({base}):\n    def configure_optimizers(self):\n        optimizer = SGD(self.parameters(), lr=0.1)\n{lines}\n"
        f"{methods}\n\nfit(Right(){fit})\n"
    )


def torchs(make: str, pasted: str = "PASTED", fit: str = "", **options: str) -> str:
    """A program with a scheduler of torch in a pasted dict."""
    return module(f"scheduler = {make}\nreturn [optimizer], [{pasted.replace('...', 'scheduler')}]", fit, **options)


OURS = module("return [optimizer], [PASTED]")  # a pasted ``lr_toolkit.scheduler_config(...)``


MANUAL = """
    automatic_optimization = False

    def training_step(self, batch, batch_idx):
        optimizers = self.optimizers()
        for optimizer in optimizers if isinstance(optimizers, list) else [optimizers]:
            self.manual_backward(self.weight.square().mean())
            optimizer.step()
            optimizer.zero_grad()
        self.after_update()

    def after_update(self):
        pass
"""
IN_FOURS = """
    automatic_optimization = False

    def training_step(self, batch, batch_idx):
        self.manual_backward(super().training_step(batch, batch_idx) / 4)
        if (batch_idx + 1) % 4 == 0:
            self.optimizers().step()
            self.optimizers().zero_grad()
            self.lr_schedulers().step()
"""
STREAM = """
class Stream:
    def __iter__(self):
        return iter(torch.ones(5, 1))

    def __len__(self):
        return 8

"""
TRAIN_ON = """
class TrainOn(Callback):
    def on_train_epoch_end(self, trainer, module):
        if trainer.current_epoch == 2:
            trainer.fit_loop.max_epochs = 6

"""
DROPPED = """
    def on_load_checkpoint(self, checkpoint):
        checkpoint["lr_schedulers"] = []
"""
TO_HALF = """, ModelCheckpoint("run", filename="half"), max_epochs=1, enable_checkpointing=True)
fit(Right(), ckpt_path="run/half.ckpt\""""
LOOP = """
weight = torch.nn.Parameter(torch.ones(1))
optimizer = SGD([weight], lr=0.1)
"""
DICT = r"(\{'scheduler': \.\.\., 'interval': '%s'\})"
STEP, EPOCH, CONFIG = DICT % "step", DICT % "epoch", r"(lr_toolkit\.scheduler_config\(optimizer, .*?, self\.trainer\))"
READS = r"(scheduler_config\(\.\.\., plateau=ReduceOnPlateau\(\.\.\.\)\))"
FREQUENCY = (
    r"Write (frequency=\d+)",
    torchs("lr_scheduler.ExponentialLR(optimizer, 0.9)", "dict(scheduler=..., interval='step', PASTED)"),
)
PLATEAU = module("return [optimizer], [PASTED]")
HORIZON = r"Leave out horizon=, and pass (self\.trainer)"

# For each code the lines that its message prints, each as a pattern with a group, and the program into which it is pasted.
# "..." in a printed line stands for what the user has: it is filled in below.
LINES: dict[str, list[tuple[str, str]]] = {
    "LR101": [
        (r"(warmup\('500 steps'\) >> cosine\(\))",
         module("return configure_optimizers(optimizer, PASTED, self.trainer)", ", max_epochs=-1, max_steps=600")),
        (r"(plateau=ReduceOnPlateau\(\.\.\.\))", module("return configure_optimizers(optimizer, hold(), self.trainer, PASTED)")),
    ],
    "LR111": [
        (r"write (build_optimizer\(self\))",
         ("class Right(ScheduleMixin, Model):\n    schedule = warmup(2) >> cosine()\n\n"
          "    def PASTED:\n        return SGD(self.parameters(), lr=0.1)\n\nfit(Right())")),
        (r"(return configure_optimizers\(.*?\)) from it", module("PASTED", base="ScheduleMixin, Model", methods="    schedule = cosine()")),
    ],
    "LR112": [
        (r"Write (return \[optimizer\], \[.*?\]),", module("scheduler = lr_scheduler.CosineAnnealingLR(optimizer, 3)\nPASTED")),
        (r"or ('interval': 'step')",
         module("scheduler = lr_scheduler.CosineAnnealingLR(optimizer, 24)\nreturn [optimizer], [{'scheduler': scheduler, PASTED}]")),
    ],
    "LR121": [
        (r"Write (SGD\(param_groups\(groups, lr=\.\.\.\)\))",
         module("head = torch.nn.Parameter(torch.ones(1))\n"
                "groups = [{'params': [self.weight], 'lr_scale': 0.1}, {'params': [head], 'lr_scale': 1.0}]\n"
                "optimizer = PASTED\nreturn configure_optimizers(optimizer, cosine(), self.trainer)")),
    ],
    "LR122": [
        (CONFIG,
         module("head = torch.nn.Parameter(torch.ones(1))\noptimizer.add_param_group({'params': [head], 'lr': 1e-4})\n"
                "return [optimizer], [PASTED]")),
        (r"\((cosine\(end=0\.1\))\) multiply",
         module("head = torch.nn.Parameter(torch.ones(1))\noptimizer.add_param_group({'params': [head], 'lr': 1e-4})\n"
                "return configure_optimizers(optimizer, PASTED, self.trainer)")),
    ],
    "LR201": [
        (r"Write (interval='step')",
         torchs("lr_scheduler.ExponentialLR(optimizer, 0.9)", "dict(scheduler=..., PASTED)", ", max_steps=5, max_epochs=-1")),
    ],
    "LR202": [(STEP, torchs("lr_scheduler.CosineAnnealingLR(optimizer, 24)")), (CONFIG, OURS)],
    "LR203": [(EPOCH, torchs("lr_scheduler.CosineAnnealingLR(optimizer, 3)")), (CONFIG, OURS)],
    "LR204": [(STEP, torchs("lr_scheduler.MultiStepLR(optimizer, [12, 18])")), (CONFIG, OURS)],
    "LR205": [
        (r"(multistep\(\['1 epochs', '2 epochs'\]\))", module("return [optimizer], [scheduler_config(optimizer, PASTED, self.trainer)]")),
        (EPOCH, torchs("lr_scheduler.MultiStepLR(optimizer, [1, 2])")),
    ],
    "LR206": [(CONFIG, OURS)],
    "LR207": [
        (r"Write (milestones=\[1, 2\])", torchs("lr_scheduler.MultiStepLR(optimizer, PASTED)", "dict(scheduler=...)")),
        (CONFIG, OURS),
    ],
    "LR211": [FREQUENCY],
    "LR212": [FREQUENCY],
    "LR221": [
        (r"(step\('30%'\))", module("return configure_optimizers(optimizer, PASTED, self.trainer)")),
        (r"(hold\(\))", module("return configure_optimizers(optimizer, PASTED, self.trainer)")),
    ],
    "LR222": [(HORIZON, module("return configure_optimizers(optimizer, cosine(), PASTED)"))],
    "LR223": [
        (CONFIG,
         module("optimizers = [optimizer, SGD(self.parameters(), lr=0.1)]\n"
                "return optimizers, [PASTED for optimizer in optimizers]", ", max_epochs=-1, max_steps=16", methods=MANUAL)),
        (r"Trainer\((max_steps=32)\)",
         module("schedule, optimizers = cosine(), [optimizer, SGD(self.parameters(), lr=0.1)]\n"
                "return optimizers, [scheduler_config(optimizer, schedule, self.trainer, horizon=Horizon(16)) for optimizer in optimizers]",
                ", max_epochs=-1, PASTED", methods=MANUAL)),
    ],
    "LR241": [(STEP, torchs("lr_scheduler.CosineAnnealingLR(optimizer, 24)"))],
    "LR261": [
        (r"(horizon=Horizon\(.*?\))",
         module("return configure_optimizers(optimizer, warmup(500) >> cosine(), self.trainer, PASTED)", ", overfit_batches=2")),
    ],
    "LR262": [
        (r"Trainer\((max_epochs=10)\)", module("return configure_optimizers(optimizer, cosine(), self.trainer)", ", PASTED")),
        (r"(warnings\.filterwarnings\('ignore', 'LR262'\))", "import warnings\n\nPASTED\n" + WRONG["LR262"].wrong),
    ],
    "LR263": [
        (HORIZON, module("return configure_optimizers(optimizer, cosine(), PASTED)")),
        (r"(cosine\(end=0\.1, over=7\))", module("return configure_optimizers(optimizer, PASTED, self.trainer)")),
    ],
    "LR264": [
        (r"(lr=3e-4)",
         ("class Right(Model):\n    def configure_optimizers(self):\n"
          "        return configure_optimizers(SGD(self.parameters(), PASTED), cosine(), self.trainer)\n\nfit(Right())")),
    ],
    "LR265": [
        (r"(scheduler\.observe\(val_loss\))",
         (f"{LOOP}scheduler = ScheduledLR(optimizer, hold(), Horizon(24), plateau=ReduceOnPlateau(monitor='val_loss'))\n"
          "for _ in range(3):\n    for _ in range(8):\n        optimizer.step()\n        scheduler.step()\n"
          "    val_loss = 1.0\n    PASTED\n")),
    ],
    "LR266": [
        (r"Write (\{'scheduler': scheduler, 'interval': 'step'\})",
         module("scheduler = build_scheduler(optimizer, cosine())\nreturn {'optimizer': optimizer, 'lr_scheduler': PASTED}")),
        (r"or (interval='epoch') in",
         module("scheduler = build_scheduler(optimizer, cosine(), PASTED)\nreturn [optimizer], [scheduler]")),
    ],
    "LR267": [
        (r"(warmup\('500 steps'\) >> hold\(\))",
         (f"{LOOP}scheduler = ScheduledLR(optimizer, PASTED, Horizon(1000))\nscheduler.step(600)\n"
          "branch({'global_step': 600, 'lr_schedulers': [scheduler.state_dict()]}, over=100)\n")),
    ],
    "LR301": [
        (STEP, torchs("lr_scheduler.LambdaLR(optimizer, lambda k: min(k / 8, 1))")),
        (r"(warmup\(\.\.\.\)) of this package", module("return configure_optimizers(optimizer, PASTED >> cosine(), self.trainer)")),
    ],
    "LR302": [
        (r"needs (interval='epoch')", torchs("lr_scheduler.ExponentialLR(optimizer, 0.1)", "dict(scheduler=..., PASTED)")),
        (r"\((step\('3 epochs'\))\)", module("return configure_optimizers(optimizer, PASTED, self.trainer)", ", max_epochs=6")),
        (r"(cosine\(end=0\.1\))", module("return configure_optimizers(optimizer, PASTED, self.trainer)")),
        (r"(end_lr=1e-5)", module("return configure_optimizers(optimizer, cosine(PASTED), self.trainer)")),
    ],
    "LR303": [
        (r"the length of this run, (\d+) updates",
         torchs("lr_scheduler.OneCycleLR(optimizer, 0.1, total_steps=PASTED)", "dict(scheduler=..., interval='step')")),
    ],
    "LR304": [
        (r"write (max\(0, 1 - k / 1000\))",
         torchs("lr_scheduler.LambdaLR(optimizer, lambda k: PASTED)", "dict(scheduler=..., interval='step')")),
        (CONFIG, OURS),
    ],
    "LR305": [
        (r"Write (SGD\(\.\.\., lr=1\.0\))",
         module("optimizer = PASTED\nscheduler = lr_scheduler.LambdaLR(optimizer, lambda k: 1e-3 * min(1, (k + 1) / 5))\n"
                "return [optimizer], [{'scheduler': scheduler, 'interval': 'step'}]")),
        (r"return the LR (/ 0\.001) from the function",
         module("optimizer = SGD(self.parameters(), lr=1e-3)\n"
                "scheduler = lr_scheduler.LambdaLR(optimizer, lambda k: 1e-3 * min(1, (k + 1) / 5) PASTED)\n"
                "return [optimizer], [{'scheduler': scheduler, 'interval': 'step'}]")),
    ],
    "LR401": [
        (r"ReduceLROnPlateau\(\.\.\., (mode='max')\)",
         torchs("lr_scheduler.ReduceLROnPlateau(optimizer, PASTED)", "dict(scheduler=..., monitor='val_acc')")),
    ],
    "LR402": [
        (r"Did you mean (monitor='val_loss')", torchs("lr_scheduler.ReduceLROnPlateau(optimizer)", "dict(scheduler=..., PASTED)")),
    ],
    "LR403": [
        (r"Write (frequency=2)", torchs("lr_scheduler.ReduceLROnPlateau(optimizer)",
         "dict(scheduler=..., monitor='val_loss', PASTED)", ", check_val_every_n_epoch=2, max_epochs=4")),
        (READS, module("return [optimizer], [PASTED]", ", check_val_every_n_epoch=2, max_epochs=4")),
    ],
    "LR404": [(READS, module("return [optimizer], [PASTED]", ", val_check_interval=0.25"))],
    "LR405": [(READS, PLATEAU)],
    "LR406": [
        (r"(plateau=ReduceOnPlateau\(\.\.\.\)) of this package",
         module("return configure_optimizers(optimizer, hold(), self.trainer, PASTED)",
                ', ModelCheckpoint("run", filename="last"), enable_checkpointing=True)\n'
                'fit(Right(), ckpt_path="run/last.ckpt", max_epochs=6')),
    ],
    "LR407": [
        (r"(self\.log\('fid', value\)) in validation_step",
         module("return configure_optimizers(optimizer, hold(), self.trainer, plateau=ReduceOnPlateau(monitor='fid'))",
                methods="    def validation_step(self, batch, batch_idx):\n        value = torch.ones(())\n        PASTED\n")),
    ],
    "LR408": [
        (r"Write ModelCheckpoint\((every_n_epochs=1)\)",
         module("return configure_optimizers(optimizer, hold(), self.trainer, plateau=ReduceOnPlateau(monitor='val_loss'))",
                ', ModelCheckpoint("run", filename="last", PASTED), enable_checkpointing=True, max_epochs=1)\n'
                'fit(Right(), ckpt_path="run/last.ckpt", max_epochs=2')),
    ],
    "LR409": [
        (r"Write Trainer\((limit_val_batches=1\.0)\)",
         module("scheduler = lr_scheduler.ReduceLROnPlateau(optimizer)\n"
                "return [optimizer], [{'scheduler': scheduler, 'monitor': 'val_loss'}]", ", PASTED")),
        (r"(self\.log\('train_loss', loss\))",
         module("scheduler = lr_scheduler.ReduceLROnPlateau(optimizer)\n"
                "return [optimizer], [{'scheduler': scheduler, 'monitor': 'train_loss'}]", ", limit_val_batches=0",
                methods="    def training_step(self, batch, batch_idx):\n        loss = super().training_step(batch, batch_idx)\n"
                        "        PASTED\n        return loss\n")),
        (r"(monitor='train_loss')",
         module("scheduler = lr_scheduler.ReduceLROnPlateau(optimizer)\nreturn [optimizer], [dict(scheduler=scheduler, PASTED)]",
                ", limit_val_batches=0",
                methods="    def training_step(self, batch, batch_idx):\n        loss = super().training_step(batch, batch_idx)\n"
                        "        self.log('train_loss', loss)\n        return loss\n")),
    ],
    "LR410": [
        (r"Trainer\((check_val_every_n_epoch=1)\)",
         module("return configure_optimizers(optimizer, hold(), self.trainer, plateau=ReduceOnPlateau(monitor='val_loss'))",
                ", PASTED")),
    ],
    "LR411": [
        (r"(if not value\.isnan\(\): self\.log\('val_loss', value\));",
         module("return configure_optimizers(optimizer, hold(), self.trainer, plateau=ReduceOnPlateau(monitor='val_loss'))",
                methods="    def val_dataloader(self):\n        return loader(2)\n\n"
                        "    def validation_step(self, batch, batch_idx):\n"
                        "        value = self.weight[batch_idx:].mean()\n        PASTED\n")),
        (r"(if not math\.isnan\(value\): scheduler\.observe\(value\))",
         (f"import math\n{LOOP}rule = ReduceOnPlateau(monitor='val_loss')\n"
          "scheduler = ScheduledLR(optimizer, hold(), Horizon(5), plateau=rule)\n"
          "for value in (1.0, math.nan, torch.tensor(math.nan), 0.5, 0.4):\n    optimizer.step()\n    scheduler.step()\n    PASTED\n")),
    ],
    "LR412": [
        (r"write (plateau=\.\.\.) as before",
         WRONG["LR412"].wrong.partition("class WithoutRule")[0]
         + module("return configure_optimizers(optimizer, hold(), self.trainer, PASTED)", ', ckpt_path="Wrong/last.ckpt"')),
    ],
    "LR501": [
        (r"Call (self\.lr_schedulers\(\)\.step\(\)) after optimizer\.step\(\)",
         torchs("lr_scheduler.CosineAnnealingLR(optimizer, 24)", "dict(scheduler=..., interval='step')",
                methods=MANUAL.replace("        pass", "        PASTED"))),
    ],
    "LR502": [
        (CONFIG, module("return [optimizer], [PASTED]", methods="    def training_step(self, batch, batch_idx):\n"
                      "        return super().training_step(batch, batch_idx) if batch_idx % 2 else None\n")),
    ],
    "LR505": [
        (r"Trainer\((max_epochs=-1, max_steps=6)\)",
         module("return configure_optimizers(optimizer, cosine(), self.trainer)", ", PASTED")),
    ],
    "LR506": [
        (r"(lr_toolkit\.scheduler_config\(optimizer, 'hold\(\)', self\.trainer, plateau=\.\.\.\))", OURS),
        (r"(scheduler\.observe\(value\))",
         module("rule = ReduceOnPlateau(monitor='val_loss')\n"
                "self.scheduler = ScheduledLR(optimizer, hold(), Horizon(24), plateau=rule)\n"
                "return [optimizer], [{'scheduler': self.scheduler, 'interval': 'step'}]",
                methods="    def on_validation_epoch_end(self):\n        scheduler, value = self.scheduler, 1.0\n        PASTED\n")),
    ],
    "LR507": [
        (r"Write (T_max=6)", torchs("lr_scheduler.CosineAnnealingLR(optimizer, PASTED)", "scheduler", methods=IN_FOURS)),
        (CONFIG, module("return [optimizer], [PASTED]", methods=IN_FOURS)),
    ],
    "LR511": [
        (r"call (super\(\)\.__init__\(params, defaults\))",
         ("class Own(torch.optim.Optimizer):\n    def __init__(self, params, lr):\n        defaults = {'lr': lr}\n        PASTED\n\n"
          "    def step(self, closure=None):\n        return closure()\n\n\n"
          "class Right(Model):\n    def configure_optimizers(self):\n        return Own(self.parameters(), lr=0.1)\n\n\nfit(Right())\n")),
    ],
    "LR521": [
        (r"Trainer\((limit_train_batches=5)\)",
         STREAM + module("return configure_optimizers(optimizer, cosine(), self.trainer)", ", PASTED",
                         methods="    def train_dataloader(self):\n        return Stream()\n")),
    ],
    "LR522": [
        (r"(on_change='replan')",
         TRAIN_ON + module("return configure_optimizers(optimizer, cosine(), self.trainer, PASTED)", ", TrainOn()")),
    ],
    "LR523": [
        (r"(on_change='restart')",
         module("return configure_optimizers(optimizer, cosine(), self.trainer, PASTED)", TO_HALF, methods=DROPPED)),
        (r"write (self\.lr_schedulers\(\)\.step\(self\.trainer\.global_step\)) in the module's on_train_start",
         module("return configure_optimizers(optimizer, cosine(), self.trainer)", TO_HALF,
                methods=f"{DROPPED}\n    def on_train_start(self):\n        PASTED\n")),
    ],
    "LR531": [
        (r"(if accelerator\.sync_gradients: scheduler\.step\(\))",
         (f"{LOOP}from types import SimpleNamespace\nscheduler = ScheduledLR(optimizer, cosine(), Horizon(6))\n"
          "for batch in range(24):\n    accelerator = SimpleNamespace(sync_gradients=batch % 4 == 3)  # as accelerate sets it\n"
          "    if accelerator.sync_gradients:\n        optimizer.step()\n    PASTED\n")),
        (r"(Horizon\(epochs \* len\(dataloader\)\))",
         (f"{LOOP}epochs, dataloader = 3, loader(8)\nscheduler = ScheduledLR(optimizer, cosine(), PASTED)\n"
          "for _ in range(epochs):\n    for _ in dataloader:\n        optimizer.step()\n        scheduler.step()\n"
          "assert scheduler.get_last_lr() == [0.0]\n")),
        (r"call (scheduler\.step\(n\)) once",
         (f"{LOOP}n, scheduler = 20, ScheduledLR(optimizer, cosine(), Horizon(24))\nPASTED\nassert scheduler.last_epoch == 20\n"
          "for _ in range(4):\n    optimizer.step()\n    scheduler.step()\n")),
    ],
    "LR532": [
        (r"call (scheduler\.step\(n\)) once",
         (f"{LOOP}n, scheduler = 20, ScheduledLR(optimizer, cosine(), Horizon(24))\nPASTED\nassert scheduler.last_epoch == 20\n"
          "for _ in range(4):\n    optimizer.step()\n    scheduler.step()\n")),
        (r"use (schedule\.resolve\(horizon\)\.values\(range\(n\)\))",
         "n, schedule, horizon = 24, linear(), Horizon(24)\nassert list(PASTED)[12] == 0.5\n"),
    ],
    "LR593": [
        (r"write (monitor\.plot\(\)\.figure\.savefig\('lr\.png'\))",
         WRONG["LR593"].right.replace("fit(Right()", "monitor = LRMonitor()\nfit(Right(), monitor")
         + "PASTED\nassert Path('lr.png').exists()\n"),
    ],
    "LR601": [
        (r"\((scheduler\.rebase\(lr\)) changes the plan",
         module("return configure_optimizers(optimizer, cosine(), self.trainer)",
                methods="    def on_train_epoch_start(self):\n        scheduler, lr = self.lr_schedulers(), 0.01\n        PASTED\n")),
    ],
    "LR704": [
        (r"saved \((LRWarmup\(10\))\)",
         module("return optimizer", ', ModelCheckpoint("run", filename="half"), PASTED, max_epochs=2, enable_checkpointing=True)\n'
                'fit(Right(), PASTED, ckpt_path="run/half.ckpt"')),
    ],
}  # fmt: skip

# What is filled in for "..." in a printed line.
FILLED = {
    "plateau=ReduceOnPlateau(...)": "plateau=ReduceOnPlateau(monitor='val_loss')",
    "scheduler_config(..., ": "scheduler_config(optimizer, hold(), self.trainer, ",
    "(groups, lr=...)": "(groups, lr=0.1)",
    "SGD(..., lr=1.0)": "SGD(self.parameters(), lr=1.0)",
    "plateau=...": "plateau=ReduceOnPlateau(monitor='val_loss')",
    "warmup(...)": "warmup(5)",
    "'scheduler': ...": "'scheduler': scheduler",
}

NO_LINE = {
    "LR591": "the right program of its section loads another checkpoint",
    "LR592": "the right program of its section is checked",
    "LR701": "the right program of its section leaves one of the two out",
    "LR702": "the right program of its section writes after the ramp",
    "LR705": "a trial needs no other line",
}
ELSEWHERE = {
    "LR231": "needs two ranks: test_recalculation.py",
    "LR503": "needs two ranks: test_running.py",
    "LR703": "needs a CUDA graph: below",
    "LR706": "needs a CUDA graph: below",
    "LR707": "needs a CUDA graph: below",
}
CASES = [(code, number) for code, lines in LINES.items() for number in range(len(lines))]


@cache
def message_of(code: str) -> str:
    """The message for the wrong program in the documentation."""
    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        (message,) = messages_of(WRONG[code].wrong, RAISES.get(code))
    return message


def test_each_code_has_its_lines() -> None:
    """Each code is in one of the tables."""
    codes = [check.code for check in list_checks()]

    assert sorted([*LINES, *NO_LINE, *ELSEWHERE]) == codes


@pytest.mark.parametrize(("code", "number"), CASES)
def test_the_printed_line_is_right_and_quiet(
    code: str, number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The line is in the message; pasted as it is printed, it runs without a warning, after ``import lr_toolkit``."""
    pattern, program = LINES[code][number]
    printed = re.search(pattern, message_of(code))
    assert printed, message_of(code)
    line = printed[1]
    for short, whole in FILLED.items():
        line = line.replace(short, whole)
    monkeypatch.chdir(tmp_path)

    assert "PASTED" in program
    assert messages_of(program.replace("PASTED", line), lr_toolkit=lr_toolkit) == []


@pytest.mark.parametrize("code", LINES)
def test_no_printed_line_is_left_out(code: str) -> None:
    """Each sentence of a message that has "write" and code in it is covered by a line of the table."""
    message = message_of(code)
    covered = [re.search(pattern, message) for pattern, _ in LINES[code]]
    sentences = re.finditer(r"(?<![\w'])[Ww]rite [^;]*?[(=].*?(?=\. [A-Z]|;|\.$)", message)

    for sentence in sentences:
        assert any(each and sentence.start() <= each.start(1) <= sentence.end() for each in covered), sentence[0]


@pytest.mark.parametrize("code", NO_LINE)
def test_a_message_without_a_line_has_none(code: str) -> None:
    """The message of such a code has "write" only for something that the program has."""
    assert "Write " not in message_of(code)


# --- CUDA graphs --------------------------------------------------------------------------------------------------------


def printed_in_a_capture(step: Callable[[], object], pattern: str) -> str:
    """The line that the warning of a captured step prints."""
    with captured(), pytest.warns(ScheduleWarning) as caught:
        step()
    printed = re.search(pattern, str(caught[0].message))
    assert printed, caught[0].message
    return printed[1]


def test_the_warmup_in_place_of_a_ramp() -> None:
    """The schedule that LR703 prints warms up without LRWarmup."""
    optimizer = SGD([torch.nn.Parameter(torch.ones(1))], lr=torch.tensor(0.1))
    LRMultiplier.of(optimizer)
    line = printed_in_a_capture(optimizer.step, r"LR703: .*schedule: (.*)\.$")
    other = SGD([torch.nn.Parameter(torch.ones(1))], lr=0.1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        scheduler = ScheduledLR(other, Schedule.parse(line), Horizon(1000))
        for _ in range(500):
            other.step()
            scheduler.step()

    assert scheduler.get_last_lr() == [0.1]


def test_the_lr_of_a_replay() -> None:
    """The call that LR707 prints gives the LR that the next replay reads."""
    optimizer = Still([{"params": [torch.nn.Parameter(torch.ones(1))], "lr": torch.tensor(0.1)}])
    recorder = UpdateRecorder(optimizer)
    line = printed_in_a_capture(optimizer.step, r"LR707: .*Log (.*) yourself")
    assert recorder.latest is None
    scheduler = ScheduledLR(optimizer, cosine(), Horizon(10))
    scheduler.step(5)

    assert eval(line, {"scheduler": scheduler}) == pytest.approx([0.05])
    assert optimizer.param_groups[0]["lr"].item() == pytest.approx(0.05)


@pytest.mark.gpu  # the line puts the LR on a GPU
def test_an_lr_that_a_graph_reads_anew() -> None:
    """The LR that LR706 prints is no constant of a graph."""
    weight = torch.nn.Parameter(torch.ones(1))
    optimizer = SGD([weight], lr=0.1)
    scheduler = ScheduledLR(optimizer, cosine(), Horizon(10))
    line = printed_in_a_capture(optimizer.step, r"LR706: .*on the GPU: (lr=.*)\.$")
    assert scheduler.last_epoch == 0
    other = eval(
        f"Adam([torch.nn.Parameter(torch.ones(1, device='cuda'))], {line}, capturable=True)",
        {"Adam": Adam, "torch": torch},
    )
    follows = ScheduledLR(other, cosine(), Horizon(10))
    with captured(), warnings.catch_warnings():
        warnings.simplefilter("error")
        other.step()

    assert follows.last_epoch == 0
