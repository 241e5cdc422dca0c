"""LightningCLI: annotated parameters take text, and print it; ``LRSchedulerCLI`` schedules a module that knows nothing of it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from lightning.pytorch import LightningModule
from lightning.pytorch.cli import LightningCLI

from lr_toolkit import Duration, GreedyLR, Horizon, LRSchedulerCLI, ReduceOnPlateau, Schedule, ScheduleError
from tests.helpers.configured import QUIET, Annotated, Plain, Scheduled, Slots, assert_followed

pytestmark = pytest.mark.filterwarnings(
    "ignore::jsonargparse._deprecated.JsonargparseDeprecationWarning"
)  # Lightning's use of it

TEXT = "warmup(2) >> cosine(end=0.1)"


def run(
    module: Any, *words: str, cli: type[LightningCLI] = LightningCLI, command: str | None = "fit", **options: Any
) -> LightningCLI:
    """Run a command, in this process."""
    args = [*([command] if command else []), *words]
    defaults = {**QUIET, "max_epochs": 2, **options}
    return cli(
        module,
        trainer_defaults=defaults,
        save_config_callback=None,
        seed_everything_default=False,
        args=args,
        run=command is not None,
    )


def printed(capsys: pytest.CaptureFixture[str], module: Any, *words: str, **options: Any) -> str:
    """What a command prints that ends with ``--print_config``."""
    with pytest.raises(SystemExit) as ended:
        run(module, *words, "--print_config", **options)

    assert ended.value.code == 0
    return capsys.readouterr().out


def error(capsys: pytest.CaptureFixture[str], module: Any, *words: str, **options: Any) -> str:
    """The error of a command that ends with the exit status 2."""
    with pytest.raises(SystemExit) as ended:
        run(module, *words, **options)

    assert ended.value.code == 2
    return capsys.readouterr().err.partition("error: ")[2]


# --- a module with the mixin ----------------------------------------------------------------------------------------


def test_an_annotated_parameter_takes_text() -> None:
    """``--model.schedule`` is a Schedule in ``__init__``, and each update uses its LR."""
    made = run(Annotated, "--model.schedule", TEXT)

    assert made.config["fit"]["model"]["schedule"] == Schedule.parse(TEXT)
    assert_followed(made.model, TEXT)


def test_its_default_is_a_schedule() -> None:
    """Without the argument the run follows the default in the signature."""
    assert_followed(run(Annotated).model, "warmup('20%') >> cosine()")


@pytest.mark.parametrize(
    ("words", "name", "value"),
    [
        (["--model.second", "linear()"], "second", Schedule.parse("linear()")),
        (["--model.second", "null"], "second", None),
        (["--model.horizon", "30"], "horizon", Horizon(30)),
        (["--model.horizon", "Horizon(30, [4, 6])"], "horizon", Horizon(30, [4, 6])),
        (["--model.horizon", "{steps: 3, unit: epoch}"], "horizon", Horizon(3, unit="epoch")),
        (["--model.length", "500"], "length", Duration(500)),
        (["--model.rewarm", "3 epochs"], "rewarm", Duration("3 epochs")),
        (["--model.plateau.monitor", "loss"], "plateau", ReduceOnPlateau("loss")),
        (
            ["--model.plateau", "GreedyLR", "--model.plateau.monitor", "loss", "--model.plateau.max_lr", "0.2"],
            "plateau",
            GreedyLR("loss", max_lr=0.2),
        ),
    ],
)
def test_each_type_takes_text(words: list[str], name: str, value: Any) -> None:
    """A parameter of each type of the package gets its value; ``| None`` changes nothing."""
    made = run(Annotated, *words, command=None)

    assert made.model.given[name] == value


def test_the_printed_config_is_read_again(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """``--print_config`` shows text, from which ``--config`` makes equal values."""
    words = ["--model.second=linear()", "--model.horizon=Horizon(10, 5)", "--model.length=3 epochs"]
    text = printed(capsys, Annotated, *words, command=None)
    (tmp_path / "config.yaml").write_text(text, "utf-8")
    again = run(Annotated, "--config", str(tmp_path / "config.yaml"), command=None).model.given

    assert yaml.safe_load(text)["model"] == {
        "schedule": "warmup('20%') >> cosine()",
        "second": "linear()",
        "plateau": None,
        "horizon": "Horizon(steps=10, steps_per_epoch=5)",
        "rewarm": None,
        "length": "3 epochs",
    }
    assert (again["second"], again["horizon"], again["length"]) == (
        Schedule.parse("linear()"),
        Horizon(10, 5),
        Duration("3 epochs"),
    )


def test_the_mixin_reads_what_the_command_line_gave() -> None:
    """Lightning keeps the configuration, text and mappings, as hyperparameters; horizon and plateau among them act."""
    words = ["--model.schedule", TEXT, "--model.horizon", "Horizon(20, 5)", "--model.plateau.monitor", "loss"]
    made = run(Annotated, *words)
    (config,) = made.trainer.lr_scheduler_configs

    assert (config.scheduler.horizon, config.scheduler.plateau) == (Horizon(20, 5), ReduceOnPlateau("loss"))


class ByAttribute(Annotated):
    """A module with its schedule in the class."""

    schedule = Schedule.parse(TEXT)

    def __init__(self, width: int = 1) -> None:
        super(Annotated, self).__init__()


def test_a_module_with_an_attribute_needs_no_argument() -> None:
    """LightningCLI runs a module whose schedule is an attribute of its class."""
    assert_followed(run(ByAttribute).model, TEXT)


def test_a_slot_for_a_scheduler_takes_ours() -> None:
    """``LRSchedulerCallable`` takes ``ScheduledLR`` by its path, with its arguments as text and the length of the run."""
    made = run(
        Slots,
        "--model.optimizer=torch.optim.SGD",
        "--model.optimizer.lr=0.1",
        "--model.scheduler=lr_toolkit.ScheduledLR",
        f"--model.scheduler.schedule={TEXT}",
        "--model.scheduler.horizon=10",
        "--model.interval=step",
    )

    assert_followed(made.model, TEXT)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--model.schedule=cosin()"], "cannot read 'cosin'. Did you mean cosine(...)?"),
        (["--model.schedule=0.1"], "Write calls joined by >>"),
        (["--model.schedule=null"], "Write a schedule, or its text"),
        (["--model.schedule=warmup(0.05)"], "Write over='5%' for a share of the run"),
        (["--model.second=cosine(ed=0.1)"], "Its arguments are cosine(end"),
        (["--model.length=0.5"], "a step cannot be divided"),
        (["--model.length=soon"], "is not a duration"),
        (["--model.horizon=0"], "must be a whole number above zero"),
        (["--model.horizon=ten"], "Write horizon=Horizon(steps=1000, steps_per_epoch=100)"),
        (["--model.horizon=Horizon(10, unit='week')"], "write unit='step' or unit='epoch'"),
        (["--model.horizon={length: 10}"], "there is no argument 'length'"),
    ],
)
def test_wrong_text_is_refused(capsys: pytest.CaptureFixture[str], words: list[str], message: str) -> None:
    """The parser ends with the exit status 2 and our own sentence, in one of its lines, without a traceback."""
    (line,) = [line for line in error(capsys, Annotated, *words, command=None).splitlines() if "Not of type" in line]

    assert message in line


# --- a module that knows nothing of schedules -----------------------------------------------------------------------


def test_any_module_is_scheduled() -> None:
    """``--schedule`` makes the optimizer of a module follow it."""
    assert_followed(run(Plain, "--schedule", TEXT, cli=LRSchedulerCLI).model, TEXT)


class Unconfigured(Plain):
    """A module that leaves its optimizer to the command line."""

    configure_optimizers = LightningModule.configure_optimizers

    def on_train_start(self) -> None:
        """Record the updates."""
        self.watched(self.trainer.optimizers[0])


def test_the_optimizer_of_the_command_line_is_scheduled() -> None:
    """So does the optimizer that LightningCLI's own ``--optimizer`` builds."""
    words = ["--optimizer=SGD", "--optimizer.lr=0.5", "--schedule", TEXT]

    assert_followed(run(Unconfigured, *words, cli=LRSchedulerCLI).model, TEXT, base=0.5)


def test_every_argument_reaches_the_scheduler(tmp_path: Path) -> None:
    """The arguments of ``configure_optimizers`` stand in a YAML file beside Lightning's."""
    config = {
        "schedule": {"*": "warmup('50%') >> cosine()"},
        "interval": "epoch",
        "plateau": {"class_path": "GreedyLR", "init_args": {"monitor": "loss", "max_lr": 0.3}},
        "horizon": {"steps": 8, "unit": "epoch"},
        "on_change": "replan",
        "rewarm": "1 epochs",
        "too_long": "cut",
        "momentum": "absolute(linear(start=0.5, end=0.9))",
        "weight_decay": None,
        "model": {"momentum": 0.5},
    }
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config), "utf-8")
    made = run(Plain, "--config", str(tmp_path / "config.yaml"), cli=LRSchedulerCLI)
    (wiring,) = made.trainer.lr_scheduler_configs
    scheduler = wiring.scheduler

    assert (wiring.interval, scheduler.horizon) == ("epoch", Horizon(8, unit="epoch"))
    assert scheduler.plateau == GreedyLR("loss", max_lr=0.3)
    assert (scheduler.on_change, scheduler.rewarm) == ("replan", Duration("1 epochs"))
    assert [binding.key for binding in scheduler.bindings] == ["lr", "momentum"]


def test_its_printed_config_is_read_again(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """``--print_config`` gives a file from which the same run starts."""
    words = ["--schedule", TEXT, "--plateau.monitor=loss", "--plateau.patience=50", "--horizon=Horizon(10, 5)"]
    (tmp_path / "config.yaml").write_text(printed(capsys, Plain, *words, cli=LRSchedulerCLI), "utf-8")
    made = run(Plain, "--config", str(tmp_path / "config.yaml"), cli=LRSchedulerCLI)

    assert made.trainer.lr_scheduler_configs[0].scheduler.plateau == ReduceOnPlateau("loss", patience=50)
    assert_followed(made.model, TEXT)


def test_a_config_without_a_schedule_is_read_again(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """``--print_config`` writes a schedule that was not given as null; schedules by name are a mapping of texts."""
    (tmp_path / "config.yaml").write_text(printed(capsys, Plain, cli=LRSchedulerCLI), "utf-8")
    assert_followed(run(Plain, "--config", str(tmp_path / "config.yaml"), cli=LRSchedulerCLI).model, "hold()")

    text = printed(capsys, Plain, "--schedule={head: linear(), '*': hold()}", cli=LRSchedulerCLI)
    assert yaml.safe_load(text)["schedule"] == {"head": "linear()", "*": "hold()"}


def test_without_a_schedule_it_is_lightnings_class() -> None:
    """The module's own scheduler acts, and a module without one keeps its LR."""
    assert_followed(run(Plain, cli=LRSchedulerCLI).model, "hold()")
    assert len(run(Scheduled, cli=LRSchedulerCLI).trainer.lr_scheduler_configs) == 1


@pytest.mark.parametrize(
    ("module", "words", "message"),
    [
        (Plain, ["--schedule=cosin()"], "Did you mean cosine(...)?"),
        (Plain, ["--schedule=warmup(50) >> cosine()"], "its phases take 50 steps and leave nothing for cosine()"),
        (Plain, ["--schedule={head: linear()}"], "No group has a name"),
        (Plain, ["--schedule=linear()", "--interval=batch"], "interval"),
        (Plain, ["--schedule=warmup(5) >> linear()", "--interval=epoch"], "the schedule moves once per epoch"),
        (Plain, ["--schedule=linear()", "--plateau.patience=3"], "must name the metric to read"),
        (Plain, ["--schedule=linear()", "--plateau.monitor=loss", "--plateau.factor=2"], "must lie between 0 and 1"),
        (Plain, ["--schedule=linear()", "--rewarm=5%"], "Write on_change='replan'"),
        (Plain, ["--schedule=linear()", "--momentum=0.9"], "Write calls joined by >>"),
        (Plain, ["--schedule=linear()", "--betas=[null, linear()]"], "no parameter group that it is for has a number"),
        (Plain, ["--schedule=linear()", "--horizon=3", "--interval=epoch"], "the horizon counts another unit"),
        (Scheduled, ["--schedule=linear()"], "Scheduled.configure_optimizers returns a scheduler already"),
        (Annotated, ["--schedule=linear()"], "leave out --schedule"),
        (Unconfigured, ["--schedule=linear()", "--optimizer=SGD", "--optimizer.lr=1", "--lr_scheduler=ConstantLR"], "a second one"),
    ],
)  # fmt: skip
def test_wrong_commands_end_with_one_sentence(
    capsys: pytest.CaptureFixture[str], module: Any, words: list[str], message: str
) -> None:
    """A wrong argument, or a plan that the run cannot follow, is the exit status 2 and a line, without a traceback."""
    text = error(capsys, module, *words, cli=LRSchedulerCLI)

    assert [line for line in text.splitlines() if message in line], text
    assert "Traceback" not in text


ANSWERS: dict[str, tuple[Any, str]] = {
    "nothing": (lambda net, optimizer: None, "and returns none"),
    "two": (lambda net, optimizer: [optimizer, net.optimizer()], "and returns several"),
    "an empty list": (lambda net, optimizer: [], "and returns none"),
    "a dict": (lambda net, optimizer: {"optimizer": optimizer}, ""),
    "a list": (lambda net, optimizer: [optimizer], ""),
    "two lists": (lambda net, optimizer: ([optimizer], []), ""),
    "a dict with None": (lambda net, optimizer: {"optimizer": optimizer, "lr_scheduler": None}, ""),
    "a list of a dict": (lambda net, optimizer: [{"optimizer": optimizer}], ""),
}


@pytest.mark.parametrize("name", ANSWERS)
def test_each_answer_of_a_module_is_read(name: str) -> None:
    """One optimizer in any of Lightning's forms is scheduled, anything else is refused in one sentence."""
    answer, message = ANSWERS[name]
    made = run(Plain, "--schedule=linear()", cli=LRSchedulerCLI, command=None)
    made.model.answer = answer
    if not message:
        made.trainer.fit(made.model)
        assert_followed(made.model, "linear()")
        return
    with pytest.raises(ScheduleError, match=message):
        made.trainer.fit(made.model)


# --- the registration -----------------------------------------------------------------------------------------------

FIRST = {
    "jsonargparse": "import jsonargparse; from lr_toolkit import Duration, Horizon, Schedule",
    "lr_toolkit": "from lr_toolkit import Duration, Horizon, Schedule; import sys; assert 'jsonargparse' not in sys.modules",
    "a search": "import lr_toolkit, importlib.util as u; u.find_spec('jsonargparse'); from lr_toolkit import Duration, Horizon, Schedule",
}
PROGRAM = """
{first}
from jsonargparse import ArgumentParser
parser = ArgumentParser()
for name, kind in {{"s": Schedule, "d": Duration, "h": Horizon}}.items():
    parser.add_argument(f"--{{name}}", type=kind)
print(parser.parse_args(["--s=cosine()", "--d=5%", "--h=10"]))
import sys
print(any(type(finder).__module__.startswith("lr_toolkit") for finder in sys.meta_path))
"""


@pytest.mark.parametrize("first", FIRST)
def test_the_order_of_imports_does_not_matter(first: str) -> None:
    """The types are registered if either package is imported first; the finder that waits for jsonargparse then goes away."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(first=FIRST[first])], capture_output=True, text=True, check=False
    )

    assert done.stdout.splitlines() == ["Namespace(s=cosine(), d=Duration('5%'), h=Horizon(steps=10))", "False"], (
        done.stderr
    )
