"""``branch``: the cooldown runs from the LR in the checkpoint to the floor, and the trunk is unchanged."""

from __future__ import annotations

import contextlib
import hashlib
import pickle
import random
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.optim import Optimizer

from lr_toolkit import (
    Branch,
    Horizon,
    Schedule,
    ScheduleError,
    ScheduleMixin,
    ScheduleWarning,
    branch,
    configure_optimizers,
    hold,
    linear,
    one_minus_sqrt,
)
from lr_toolkit.cli import main
from tests.helpers.runs import Net, loader, trainer

pytestmark = [
    # Lightning starts a plain loader over, which is meant.
    pytest.mark.filterwarnings("ignore:You're resuming from a checkpoint that ended before the epoch ended"),
    pytest.mark.needs("lightning>=2.6", "fit takes weights_only"),
]


class Stable(ScheduleMixin, Net):
    """A trunk: a warmup, then the peak."""

    schedule = "warmup(4) >> hold()"

    def __init__(self) -> None:
        super().__init__(None)  # type: ignore[arg-type]  # the mixin answers

    def build_optimizer(self) -> Optimizer:
        return self.optimizer()

    def on_train_batch_end(self, *_: Any) -> None:
        if self.trainer.global_step in (10, 16, 20) and self.on_change == "error":
            self.trainer.save_checkpoint(f"trunk-{self.trainer.global_step}.ckpt")


@pytest.fixture(scope="module", autouse=True)
def trunk(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A trunk of 24 updates, eight an epoch, with checkpoints at 10, 16 and 20."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("trunk"))
        trainer(max_epochs=3).fit(Stable(), loader(8))
        yield Path.cwd()


def cooled(cooldown: Branch, checkpoint: str) -> list[float]:
    """The LRs of the first group in a branch, with the three lines of the docstring."""
    net = Stable()
    net.schedule, net.on_change = cooldown.schedule, "continue"
    trainer(max_steps=cooldown.max_steps).fit(net, loader(8), ckpt_path=checkpoint, weights_only=True)
    return [lrs[0] for lrs in net.lrs]


@pytest.mark.parametrize("begin", [10, 20])
@pytest.mark.parametrize("over", [4, 9, 30])
@pytest.mark.parametrize("shape", ["one_minus_sqrt", "linear", "cosine"])
def test_a_branch_falls_from_the_lr_in_the_checkpoint_to_the_floor(begin: int, over: int, shape: Any) -> None:
    """It takes ``over`` updates on the curve of its shape, from each part of the trunk."""
    import lr_toolkit

    curve = getattr(lr_toolkit, shape)(0.1, over=over).resolve(lr_toolkit.Horizon(over))
    used = cooled(branch(f"trunk-{begin}.ckpt", over, shape, end=0.1), f"trunk-{begin}.ckpt")

    assert used == pytest.approx(0.1 * curve.values(range(over)))


def test_branches_do_not_touch_the_trunk() -> None:
    """After two branches the trunk's file has the same bytes, and the trunk goes on as if there were none."""
    before = hashlib.sha256(Path("trunk-20.ckpt").read_bytes()).hexdigest()
    for over in (5, 7):
        cooled(branch("trunk-20.ckpt", over), "trunk-20.ckpt")
    net = Stable()
    trainer(max_epochs=3).fit(net, loader(8), ckpt_path="trunk-20.ckpt", weights_only=True)

    assert hashlib.sha256(Path("trunk-20.ckpt").read_bytes()).hexdigest() == before
    assert net.lrs == [[0.1, 0.02]] * 4


def test_a_branch_from_the_end_of_an_epoch() -> None:
    """From a checkpoint at the last update of an epoch it runs its whole length."""
    assert len(cooled(branch("trunk-16.ckpt", 6), "trunk-16.ckpt")) == 6


def test_a_branch_that_is_interrupted_goes_on() -> None:
    """Resumed from a checkpoint of its own, with the same lines, it is exact."""
    cooldown = branch("trunk-20.ckpt", 10)
    whole = cooled(cooldown, "trunk-20.ckpt")
    net = Stable()
    net.schedule, net.on_change = cooldown.schedule, "continue"
    halted = trainer(max_steps=cooldown.max_steps, limit_train_batches=8)
    net.on_train_batch_end = lambda *_: (  # type: ignore[method-assign]  # a hook for this run alone
        halted.save_checkpoint("mine.ckpt") if halted.global_step == 25 else None
    )
    halted.fit(net, loader(8), ckpt_path="trunk-20.ckpt", weights_only=True)

    assert cooled(cooldown, "mine.ckpt") == whole[5:]


def test_with_the_helper() -> None:
    """Without the mixin the schedule and ``on_change="continue"`` are passed to ``configure_optimizers``."""
    cooldown = branch("trunk-20.ckpt", 4, "linear")
    net = Net(
        lambda net, optimizer: configure_optimizers(optimizer, cooldown.schedule, net.trainer, on_change="continue")
    )
    trainer(max_steps=cooldown.max_steps).fit(net, loader(8), ckpt_path="trunk-20.ckpt", weights_only=True)

    assert net.lrs == [pytest.approx([0.1 * f, 0.02 * f]) for f in (1.0, 0.75, 0.5, 0.25)]


def test_a_run_that_stops_before_the_cooldown_is_over_is_refused() -> None:
    """With another ``max_steps`` the cooldown does not fit, and no update is taken."""
    net = Stable()
    net.schedule, net.on_change = branch("trunk-20.ckpt", 10).schedule, "continue"
    with pytest.raises(ScheduleError, match="does not fit"):
        trainer(max_steps=25).fit(net, loader(8), ckpt_path="trunk-20.ckpt", weights_only=True)


@pytest.mark.parametrize(
    ("over", "updates"),
    [(5, 5), ("5 steps", 5), ("2 epochs", 16), ("0.5 epochs", 4), ("20%", 5), ("50%", 20), ("1%", 1)],
)
def test_the_length_in_every_unit(over: Any, updates: int) -> None:
    """A length is in updates, in epochs of the trunk, or a share of the branch's whole run, which includes the trunk."""
    cooldown = branch("trunk-20.ckpt", over)

    assert cooldown == Branch(hold(20) >> one_minus_sqrt(over=updates), 20 + updates, 20)


def test_updates_that_lightning_counts_and_the_schedule_does_not() -> None:
    """If a GradScaler skipped two updates, Lightning's counter is ahead by two. The cooldown has its whole length."""
    held = torch.load("trunk-20.ckpt", weights_only=True)
    cooldown = branch(held | {"global_step": 22}, 10, "linear")

    assert cooldown == Branch(hold(20) >> linear(over=10), 32, 20)


def test_from_the_very_beginning_it_is_the_cooldown_alone() -> None:
    """Before the first update there is nothing to hold."""
    state = {
        "class": "lr_toolkit.ScheduledLR",
        "last_epoch": 0,
        "configured": {"lr": {"horizon": {"steps": 9, "steps_per_epoch": 3, "unit": "step"}}},
    }

    assert branch({"global_step": 0, "lr_schedulers": [state]}, 6).schedule == one_minus_sqrt(over=6)


def made(**changes: Any) -> dict[str, Any]:
    """A checkpoint with a change in the state of its scheduler."""
    held: dict[str, Any] = torch.load("trunk-20.ckpt", weights_only=True)
    held["lr_schedulers"][0] |= changes
    return held


def on(**horizon: Any) -> dict[str, Any]:
    """A checkpoint of a run of another length."""
    held = made()
    held["lr_schedulers"][0]["configured"]["lr"]["horizon"] |= horizon
    return held


def following(text: str) -> dict[str, Any]:
    """A checkpoint of a run that followed another schedule."""
    held = made()
    followed = held["lr_schedulers"][0]["followed"]["lr"]
    timeline = Schedule.parse(text).resolve(Horizon(24))
    followed["timelines"][0]["schedule"] = text
    followed["values"] = [timeline(20, base_lr=base) for base in followed["bases"]]
    return held


def unreadable(factor: float) -> dict[str, Any]:
    """The trunk's checkpoint with a schedule of a builder that is not registered here, at a factor of the base LR."""
    held = made()
    followed = held["lr_schedulers"][0]["followed"]["lr"]
    followed["timelines"][0]["schedule"] = "somebodys()"
    followed["values"] = [factor * base for base in followed["bases"]]
    return held


REFUSED: dict[str, tuple[Any, str]] = {
    "weights alone": (lambda: branch({"state_dict": {}}, 5), "save_weights_only=False"),
    "another scheduler": (lambda: branch({"lr_schedulers": [{"T_max": 3}]}, 5), "holds no scheduler of lr_toolkit"),
    "counts epochs": (
        lambda: branch(on(unit="epoch"), 5),
        r"hold\('20 epochs'\) >> one_minus_sqrt\(\), with interval='epoch'",
    ),
    "an LR of zero": (
        lambda: branch(following("linear(over=20)"), 5),
        "update 20, the LR is 0",
    ),
    "an LR below the floor": (
        lambda: branch(following("linear(end=0.2, over=20)"), 5, end=0.3),
        r"branch\(end=0\.3\): at update 20, the LR is 0\.02, .* floor, 0\.03. Write .*end=0\.02\)",
    ),
    "an LR of zero in a schedule that cannot be read": (lambda: branch(unreadable(0.0), 5), "update 20, the LR is 0"),
    "an LR below the floor in a schedule that cannot be read": (
        lambda: branch(unreadable(0.2), 5, end=0.3),
        r"branch\(end=0\.3\): at update 20, the LR is 0\.02, .* floor, 0\.03",
    ),
    "two counters": (
        lambda: branch({"lr_schedulers": [*made()["lr_schedulers"], *made(last_epoch=7)["lr_schedulers"]]}, 5),
        "different updates, 7, 20",
    ),
    "epochs that nobody knows": (
        lambda: branch(on(steps=24, steps_per_epoch=None), "1 epoch"),
        "needs the length of an epoch",
    ),
    "a shape that is none": (lambda: branch("trunk-20.ckpt", 5, "root"), "'cosine', 'linear', 'one_minus_sqrt'"),  # type: ignore[arg-type]
    "a bare float": (lambda: branch("trunk-20.ckpt", 0.2), r"branch\(over=0\.2\): a bare float has no unit"),  # type: ignore[arg-type]
    "all of it": (lambda: branch("trunk-20.ckpt", "100%"), "leaves nothing for the trunk"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_branched_is_refused(name: str) -> None:
    """The message has the reason and the call to write."""
    call, message = REFUSED[name]
    with pytest.raises(ScheduleError, match=message):
        call()


def test_the_command_imports_the_module_that_registers_a_builder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], registry: None
) -> None:
    """Only then the schedule of the trunk can be read, and a moving LR is cautioned."""
    steps = made()["lr_schedulers"][0]["configured"]["lr"]["horizon"]["steps"]
    torch.save(unreadable(1 - 20 / steps), tmp_path / "half.ckpt")
    (tmp_path / "builders_of_mine.py").write_text(
        "from lr_toolkit import linear, register_builder\n\n\n@register_builder\ndef somebodys():\n    return linear()\n"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    main(["branch", "half.ckpt", "--over", "5"])
    before = capsys.readouterr().out
    main(["branch", "half.ckpt", "--over", "5", "--import", "builders_of_mine"])

    assert before.startswith("# half.ckpt was saved")
    assert capsys.readouterr().out.startswith("# Caution: LR267: branch: update 20 lies in linear()")


def test_a_checkpoint_with_objects_in_it_is_read_only_by_who_trusts_it() -> None:
    """A file with Python objects is not unpickled. The message gives the call that does it."""
    torch.save(made() | {"hyper_parameters": {"path": Stable}}, "objects.ckpt")
    with pytest.raises(ScheduleError, match=r"branch\(torch\.load\('objects\.ckpt', weights_only=False\), \.\.\.\)"):
        branch("objects.ckpt", 5)

    assert branch(torch.load("objects.ckpt", weights_only=False), 5) == branch("trunk-20.ckpt", 5)


# --- the command ----------------------------------------------------------------------------------------------------


def test_the_command_prints_lines_that_run(capsys: pytest.CaptureFixture[str]) -> None:
    """``lr-toolkit branch CKPT --over 6 --shape linear`` prints Python code that runs the cooldown."""
    main(["branch", "trunk-20.ckpt", "--over", "6", "--shape", "linear"])
    printed = capsys.readouterr().out

    class Quiet:
        Trainer = staticmethod(trainer)

    model = Stable()
    model.train_dataloader = lambda: loader(8)  # type: ignore[method-assign]  # a hook of this model alone
    exec(printed, {"model": model, "L": Quiet})

    assert [lrs[0] for lrs in model.lrs] == pytest.approx([0.1 * (1 - i / 6) for i in range(6)])


# The schedule of a trunk, an update of it, and the warning. There is none in a stable phase, from its first update to its last.
MOVING = {
    (
        "warmup(12) >> hold()",
        10,
    ): r"update 10 lies in warmup\(12\), where the LR is not constant: 0.0846 of a base LR of 0.1",
    ("cosine()", 10): r"update 10 lies in cosine\(\)",
    ("warmup(4) >> linear(end=0.1)", 20): r"update 20 lies in linear\(end=0.1\).*Hägele",
    ("exponential(0.9)", 16): r"update 16 lies in exponential\(0.9\)",
    ("warmup(10) >> hold()", 10): "",
    ("hold(10) >> linear()", 10): "",
    ("step('1 epoch', gamma=0.5)", 20): "",
    ("warmup(4) >> cosine(over=6, end=0.1) >> hold()", 20): "",
}


@pytest.mark.parametrize(("schedule", "update"), MOVING)
def test_a_branch_from_a_moving_lr_is_cautioned(
    schedule: str, update: int, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """In a warmup or a decay a warning names the phase and the LR. The command prints it above its lines."""
    net, path, caution = Stable(), str(tmp_path / "some.ckpt"), MOVING[schedule, update]
    net.schedule, net.on_change = schedule, "keep"
    made = trainer(max_epochs=3)
    made.fit(net, loader(8))
    held = torch.load(save(made, path), weights_only=True)
    scheduler = made.lr_scheduler_configs[0].scheduler
    scheduler.step(update)
    torch.save(held | {"global_step": update, "lr_schedulers": [scheduler.state_dict()]}, path)
    with pytest.warns(ScheduleWarning, match=f"LR267: branch: {caution}") if caution else contextlib.nullcontext():
        branch(path, 5)
    main(["branch", path, "--over", "5"])
    printed = capsys.readouterr().out

    assert printed.startswith(
        f"# Caution: LR267: branch: update {update} lies in " if caution else f"# {path} was saved"
    )


def save(made: Any, path: str) -> str:
    """A checkpoint of the Trainer, and its name."""
    made.save_checkpoint(path)
    return path


def test_a_checkpoint_that_is_a_folder_is_read(tmp_path: Path) -> None:
    """Sharded strategies write a folder with the training state in its ``meta.pt``. A folder without it is refused."""
    folder = tmp_path / "sharded.ckpt"
    folder.mkdir()
    with pytest.raises(ScheduleError, match=r"folder without meta\.pt.*mp_rank_00_model_states\.pt"):
        branch(folder, 5)
    torch.save(torch.load("trunk-20.ckpt", weights_only=True), folder / "meta.pt")

    assert branch(folder, 5) == branch(folder / "meta.pt", 5) == branch("trunk-20.ckpt", 5)


@pytest.mark.parametrize(
    ("held", "message"),
    [
        ({}, "no scheduler of lr_toolkit"),
        (
            {
                "lr_schedulers": [
                    {
                        "class": "lr_toolkit.ScheduledLR",
                        "last_epoch": 5,
                        "configured": {"lr": {"horizon": {"unit": "step"}}},
                    }
                ]
            },
            "a mapping.*not a whole checkpoint",
        ),
        ({"global_step": 5}, "no scheduler of lr_toolkit"),
        ({"global_step": 5, "lr_schedulers": None, "optimizer_states": None}, "no scheduler of lr_toolkit"),
    ],
)
def test_a_mapping_that_is_no_checkpoint_is_refused(held: Any, message: str) -> None:
    """A mapping that is no checkpoint is refused with the reason."""
    with pytest.raises(ScheduleError, match=message):
        branch(held, 5)


@pytest.mark.parametrize(
    "arguments", [["nothing.ckpt", "--over", "5"], ["trunk-20.ckpt", "--over", "0.2"], ["trunk-20.ckpt"]]
)
def test_the_command_reports_what_is_wrong(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    """A missing file, a bare float and a missing length are one line on standard error and exit status 2."""
    with pytest.raises(SystemExit) as ended:
        main(["branch", *arguments])

    assert ended.value.code == 2
    assert "lr-toolkit branch: error: " in capsys.readouterr().err


CONTENTS = [b"", b"PK\x03\x04 cut", b"# a text\n", b"hello world\n", b"a: 1\n", pickle.dumps([1, 2], protocol=2)]
CONTENTS += [random.Random(seed).randbytes(40) for seed in range(60)]


@pytest.mark.parametrize("content", CONTENTS)
def test_a_file_that_is_no_checkpoint_is_refused(tmp_path: Path, content: bytes) -> None:
    """An empty or cut file, a text, other data and random bytes are refused, without the advice to trust them."""
    path = tmp_path / "some.ckpt"
    path.write_bytes(content)

    with pytest.raises(ScheduleError, match=r"not a whole checkpoint.*save_checkpoint") as error:
        branch(path, 10)
    assert "weights_only=False" not in str(error.value)
