"""Configurations as they are written, in code and in files, and what they become."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lr_toolkit import Horizon, Schedule, ScheduleError
from lr_toolkit.cli import main
from lr_toolkit.schedules.peers.translate import translate_call, translate_section

COSINE = "warmup(500, start=0.0) >> cosine(over=9500)"
CALLS = [
    ("get_cosine_schedule_with_warmup(opt, num_warmup_steps=500, num_training_steps=10000)", COSINE),
    ("transformers.get_cosine_schedule_with_warmup(self.optimizer, 500, 10_000)", COSINE),
    (
        "return transformers.optimization.get_scheduler('cosine', opt, num_warmup_steps=500, num_training_steps=10000)",
        COSINE,
    ),
    (
        "scheduler = get_cosine_schedule_with_warmup(opt, 500, self.trainer.estimated_stepping_batches)",
        "warmup(500, start=0.0) >> cosine()",
    ),
    ("TrainingArguments('out', lr_scheduler_type='linear', warmup_steps=0.1)", "warmup('10%', start=0.0) >> linear()"),
    ("torch.optim.lr_scheduler.StepLR(optimizer=optimizer, step_size=10 * 3, gamma=1 / 2)", "step(30, gamma=0.5)"),
    ("StepLR(torch.optim.SGD(net.parameters(), lr=0.1), step_size=30)", "step(30)"),
    ("lr_scheduler.MultiStepLR(opt, [30, 60], last_epoch=-1)", "multistep([30, 60])"),
    ("CosineAnnealingLR(optimizer, T_max=self.trainer.max_epochs, eta_min=1e-6)", "cosine(end_lr=1e-06)"),
    (
        "SequentialLR(opt, [LinearLR(opt, 0.1, total_iters=5), ExponentialLR(opt, gamma=0.9)], milestones=[5])",
        "warmup(5, start=0.1) >> exponential(0.9, every=1, start=1.0)",
    ),
    (
        "ChainedScheduler([StepLR(opt, 30), LinearLR(opt, 0.1, total_iters=5)])",
        "scaled(step(30), warmup(5, start=0.1))",
    ),
    (
        "optax.warmup_cosine_decay_schedule(init_value=0.0, peak_value=3e-4, warmup_steps=500, decay_steps=10000)",
        COSINE,
    ),
    (
        "tf.keras.optimizers.schedules.ExponentialDecay(0.1, decay_steps=1000, decay_rate=0.5)",
        "exponential(0.5, every=1000)",
    ),
    (
        "pl_bolts.optimizers.LinearWarmupCosineAnnealingLR(opt, warmup_epochs=10, max_epochs=100)",
        "warmup(9, start=0.0) >> hold(1) >> cosine(over=90)",
    ),
    ("composer.optim.LinearScheduler(t_max='1dur')", "linear()"),
    ("olmo_core.optim.ConstantScheduler()", "hold()"),
]
SECTIONS: list[tuple[dict[str, Any], str]] = [
    (
        {
            "name": "asr",
            "model": {
                "optim": {"name": "adamw", "sched": {"name": "WarmupAnnealing", "warmup_steps": 5, "max_steps": 9}}
            },
        },
        "warmup(5) >> linear(over=4)",
    ),
    ({"class_path": "torch.optim.lr_scheduler.StepLR", "init_args": {"step_size": 30}}, "step('30 epochs')"),
    (
        {"lr_scheduler": {"_target_": "torch.optim.lr_scheduler.ExponentialLR", "_partial_": True, "gamma": 0.9}},
        "exponential(0.9, every=1)",
    ),
    (
        {"lr_scheduler_type": "cosine", "warmup_ratio": 0.03, "learning_rate": "5e-5", "output_dir": "out"},
        "warmup('3%', start=0.0) >> cosine()",
    ),
    (
        {
            "lr_scheduler_type": "cosine_with_min_lr",
            "warmup_steps": 10,
            "max_steps": 100,
            "lr_scheduler_kwargs": {"min_lr": "1e-5"},
        },
        "warmup(10, start=0.0) >> cosine(end_lr=1e-05, over=90)",
    ),
    (
        {"lr_scheduler_type": "cosine_with_min_lr", "warmup_ratio": 0.1, "min_lr_rate": 0.1},
        "warmup('10%', start=0.0) >> cosine(end=0.1)",
    ),
    (
        {
            "train_batch_size": 8,
            "scheduler": {
                "type": "WarmupDecayLR",
                "params": {"total_num_steps": "auto", "warmup_num_steps": 5, "warmup_type": "linear"},
            },
        },
        "hold(1, level=0.0) >> warmup(5, start=0.0) >> linear()",
    ),
    (
        {"optim": "adam", "sched": {"name": "CosineAnnealing", "warmup_steps": 10, "max_steps": 100}},
        "warmup(10) >> cosine(over=90)",
    ),
    (
        {"class_name": "CosineDecay", "config": {"initial_learning_rate": 0.1, "decay_steps": 100, "name": "decay"}},
        "cosine(over=100)",
    ),
    ({"lr_scheduler": {"warmup_steps": 200, "decay_ratio": 0.2}}, "warmup(199) >> hold() >> linear(over='20%')"),
    (
        {"scheduler": {"_CLASS_": "olmo_core.optim.CosWithWarmup", "warmup": 10, "t_max": 100}},
        "warmup(9) >> cosine(end=0.1, over=90)",
    ),
    (
        {
            "class_path": "torch.optim.lr_scheduler.SequentialLR",
            "init_args": {
                "schedulers": [
                    {
                        "class_path": "torch.optim.lr_scheduler.LinearLR",
                        "init_args": {"start_factor": 0.1, "total_iters": 5},
                    },
                    {"class_path": "torch.optim.lr_scheduler.StepLR", "init_args": {"step_size": 30}},
                ],
                "milestones": [5],
            },
        },
        "warmup('5 epochs', start=0.1) >> step('30 epochs', start=1.0)",
    ),
    *(
        ({"lr_scheduler": {"class_path": f"torch.optim.lr_scheduler.{name}", "init_args": arguments}}, schedule)
        for name, arguments, schedule in (
            ("CosineAnnealingLR", {"T_max": 10, "eta_min": "1e-5"}, "cosine(end_lr=1e-05, over='10 epochs')"),
            ("CosineAnnealingLR", {"T_max": "${epochs}"}, "cosine()"),
            ("ExponentialLR", {"gamma": 0.95}, "exponential(0.95, every='1 epoch')"),
            ("MultiStepLR", {"milestones": [30, 80]}, "multistep(['30 epochs', '80 epochs'])"),
            ("CosineAnnealingWarmRestarts", {"T_0": 10}, "repeat(cosine(start=1.0, over='10 epochs'), rest='cut')"),
        )
    ),
]
PLATEAU = (
    "follows a metric, so it is no function of time. Write the rule beside a schedule: configure_optimizers(optimizer, hold(), "
    "trainer, plateau="
)
REFUSED = [
    (
        "{a: {scheduler: {type: WarmupLR}}, b: {scheduler: {type: OneCycle}}}",
        "has 2 sections of a scheduler. Write one of them alone.",
    ),
    (
        "ReduceLROnPlateau(opt, factor=0.5, patience=3)",
        f"torch.ReduceLROnPlateau: {PLATEAU}ReduceOnPlateau(monitor='val_loss', factor=0.5, patience=3)).",
    ),
    (
        "PlateauLRScheduler(opt, decay_rate=0.2, patience_t=4)",
        f"{PLATEAU}ReduceOnPlateau(monitor='val_loss', factor=0.2, patience=4)).",
    ),
    ("GreedyLR(opt, factor=0.9)", f"{PLATEAU}GreedyLR(monitor='val_loss', max_lr=1.0, factor=0.9))."),
    ("MultiplicativeLR(opt, f)", "Write the product in closed form: custom(lambda i: 0.95**i)"),
    ("LRRangeTest(opt)", "grows without an end, to find an LR. Write the climb to the LR at which you stop"),
    (
        "LambdaLR(opt, lambda epoch: 0.95**epoch)",
        "is a Python function, which text cannot carry. Write it in code: custom(lambda epoch: 0.95**epoch)",
    ),
    (
        "LambdaLR(opt, lr_lambda=my_function)",
        "lr_lambda=my_function: its value is not in the text. Write the number in its place.",
    ),
    ("CosineAnnelingLR(opt, 10)", "no library that is known has it. Did you mean CosineAnnealingLR(...)?"),
    (
        "StepLR(opt, step_sise=30)",
        "torch.StepLR(step_sise=30): there is no argument 'step_sise'. Write step_size=30. Its arguments are step_size, gamma.",
    ),
    ("StepLR(opt)", "torch.StepLR(): missing a required argument: 'step_size'. Write torch.StepLR(step_size=30)."),
    (
        "StepLR(opt, 30, 0.1, 5, 6)",
        "torch.StepLR(30, 0.1, 5, 6): too many positional arguments. Write torch.StepLR(step_size=30).",
    ),
    (
        "StepLR(opt, step_size=args.step)",
        "step_size=args.step: its value is not in the text. Write the number in its place.",
    ),
    (
        "StepLR(opt, 30, last_epoch=99)",
        "torch('StepLR', last_epoch=99): a run that is resumed loads the state of its scheduler. Leave out last_epoch.",
    ),
    (
        "TrainingArguments('out', lr_scheduler_type='cosine_with_min_lr', lr_scheduler_kwargs={'min_lr': low})",
        "min_lr=low: its value is not in the text. Write the number in its place.",
    ),
    ("StepLR(*arguments)", "an argument with a star cannot be read. Write the arguments out."),
    ("StepLR(opt, step_size=1 / 0)", "'1 / 0' has no value. Write a number."),
    ("CosineAnnealingLR(opt, T_max=0)", "torch.CosineAnnealingLR(T_max=0): T_max=0 must be a whole number, 1 or more."),
    ("get_scheduler('cosin', opt)", "transformers('cosin'): is not known. Did you mean 'cosine'? The names are "),
    (
        "get_linear_schedule_with_warmup(opt, 500, 100)",
        "num_warmup_steps=500 take more than num_training_steps=100. Write a shorter part, or a longer whole.",
    ),
    (
        "get_cosine_with_min_lr_schedule_with_warmup(opt, 5, 100)",
        "the floor is either an LR or a factor. Write min_lr=1e-5 or min_lr_rate=0.1.",
    ),
    (
        "get_scheduler('cosine_with_min_lr', opt, num_warmup_steps=5, num_training_steps=100, min_lr_rate=0.1)",
        "there is no argument 'min_lr_rate'. Write scheduler_specific_kwargs={'min_lr_rate': 0.1}.",
    ),
    ("get_scheduler('cosine', opt, warmup_steps=5)", "there is no argument 'warmup_steps'. Write num_warmup_steps=5."),
    (
        "TrainingArguments('out', lr_scheduler_type='cosine', min_lr_rate=0.1)",
        "The cosine with a floor has a name of its own: write 'cosine_with_min_lr', with min_lr_rate=0.1.",
    ),
    ("TrainingArguments(warmup_ration=0.1)", "there is no argument 'warmup_ration'. Write warmup_ratio=0.1."),
    ("TrainingArguments(warmup_ratio=5)", "warmup_ratio=5 must be a share from 0 to 1, as in warmup_ratio=0.05."),
    (
        "OneCycleLR(opt, max_lr=[0.1, 0.01], total_steps=100)",
        "max_lr=[0.1, 0.01] is a list. Give each group its own LR in the optimizer, and one number here.",
    ),
    (
        "SequentialLR(opt, [OneCycleLR(opt, 0.1, 10), StepLR(opt, 5)], [10])",
        "OneCycleLR has LRs of its own, which another scheduler cannot hold. Write it alone.",
    ),
    (
        "ConstantScheduler()",
        "composer and olmo_core have it. Write the module too: composer.optim.scheduler.ConstantScheduler(...) or olmo_core",
    ),
    (
        "composer.optim.LinearScheduler(t_max='10tok')",
        "t_max='10tok' must be a time in batches, epochs or of the run: '500ba', '3ep', '0.1dur'.",
    ),
    (
        "timm.scheduler.CosineLRScheduler(opt, 300, noise_range_t=[0, 1])",
        "noise is no function of time. Leave out noise_range_t.",
    ),
    ("warmup(500)", "is a builder of this package already. Write it as it is."),
    ("type: 5", "{'type': 5}: must have a name, and arguments as a mapping."),
    ("{rate: 5}", "{'rate': 5}: is no section of a scheduler. Write one of class_path: and init_args: (LightningCLI)"),
    ("hello", "'hello': is neither a constructor's call nor a section of a configuration."),
    ("{a: [", "is neither a constructor's call nor a section of a configuration."),
    ("StepLR(opt, __import__('os').system('false'))", "its value is not in the text. Write the number in its place."),
    ("!!python/object/apply:os.system ['false']", "is neither a constructor's call nor a section of a configuration."),
    ("missing.yaml", "No such file or directory: 'missing.yaml'"),
    ("x" * 20_001, "text of 20001 characters: at most 20000 are read."),
]


@pytest.mark.parametrize(("text", "schedule"), CALLS)
def test_a_call_becomes_its_schedule(text: str, schedule: str) -> None:
    """A constructor's call in code, with an optimizer and expressions for the run's length, becomes a schedule."""
    translation = translate_call(text)

    assert translation is not None
    assert translation.schedule == Schedule.parse(schedule)


@pytest.mark.parametrize(("section", "schedule"), SECTIONS)
def test_a_section_becomes_its_schedule(section: dict[str, Any], schedule: str) -> None:
    """A section of a file in the form of each library becomes a schedule."""
    assert translate_section(section).schedule == Schedule.parse(schedule)


def test_a_translation_names_the_base_lr() -> None:
    """The LR of a configuration that has one is the base LR; other configurations have none."""
    with_lr = translate_call("optax.cosine_decay_schedule(3e-4, 100)")
    without = translate_call("StepLR(opt, 30)")

    assert with_lr is not None
    assert without is not None
    assert (with_lr.base_lr, without.base_lr) == (3e-4, None)


STEP = {"class_path": "torch.optim.lr_scheduler.StepLR", "init_args": {"step_size": 30}}


@pytest.mark.parametrize(
    ("section", "lr"),
    [
        ({"lr_scheduler": STEP, "optimizer": {"class_path": "torch.optim.SGD", "init_args": {"lr": 0.001}}}, 0.001),
        ({"scheduler": {"type": "WarmupLR"}, "optimizer": {"type": "AdamW", "params": {"lr": "3e-4"}}}, 3e-4),
        (
            {
                "scheduler": {"type": "WarmupLR", "params": {"warmup_max_lr": 0.1}},
                "optimizer": {"type": "AdamW", "params": {"lr": 3e-4}},
            },
            0.1,
        ),
        ({"lr_scheduler": STEP, "optimizer": {"class_path": "torch.optim.SGD", "init_args": {"lr": "auto"}}}, None),
        ({"lr_scheduler": STEP, "optimizer": "torch.optim.SGD"}, None),
    ],
)
def test_the_optimizer_beside_a_scheduler_has_the_base_lr(section: dict[str, Any], lr: float | None) -> None:
    """The LR of the optimizer's section is the base LR, unless the scheduler replaces it or the LR is no number."""
    assert translate_section(section).base_lr == lr


def test_a_section_of_lightning_cli_has_a_note_that_it_counts_epochs() -> None:
    """LightningCLI steps once per epoch, so the schedule per update has its LR where each epoch begins."""
    translation = translate_section({"lr_scheduler": STEP})
    updates = translation.schedule.resolve(Horizon(900, steps_per_epoch=10)).values(range(0, 900, 10))
    theirs = Schedule.parse("step(30)").resolve(Horizon(90)).values(range(90))

    assert updates.tolist() == theirs.tolist()
    assert translation.notes[-1].startswith("LightningCLI steps it once per epoch, so its durations are epochs here")


def test_what_differs_is_reported_once() -> None:
    """Two parts with the same difference give one note, and an expression that became the run's length gives one too."""
    translation = translate_call("SequentialLR(opt, [CosineAnnealingLR(opt, 5), CosineAnnealingLR(opt, n)], [5])")

    assert translation is not None
    assert len(translation.notes) == 2
    assert translation.notes[1] == "T_max=n is read as what the run leaves, which the schedule takes by itself."


PRINTED = {
    True: (
        "warmup(29, shape='cosine', start=0.04) >> cosine(end=4e-06, over=70)",
        "# The base LR, for the optimizer: lr=0.1",
    ),
    False: (
        "warmup('29 epochs', shape='cosine', start=0.04) >> cosine(end=4e-06, over='70 epochs')",
        "# The base LR, for the optimizer: lr=0.1",
    ),
}


@pytest.mark.parametrize("form", ["call", "section", "file"])
def test_the_command_prints_the_schedule(form: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """``translate`` reads a call, a section and the path of a file, and prints the schedule with its base LR."""
    arguments = "{max_lr: 0.1, total_steps: 100, cycle_momentum: false}"
    section = f"scheduler: {{class_path: torch.optim.lr_scheduler.OneCycleLR, init_args: {arguments}}}"
    path = tmp_path / "config.yaml"
    path.write_text(section, "utf-8")
    words = {
        "call": "OneCycleLR(opt, 0.1, total_steps=100, cycle_momentum=False)",
        "section": section,
        "file": str(path),
    }
    main(["translate", words[form]])
    schedule, lr, *notes = capsys.readouterr().out.splitlines()

    assert (schedule, lr) == PRINTED[form == "call"]
    assert len(notes) == (form != "call")  # that it counts epochs


@pytest.mark.parametrize(("text", "message"), REFUSED)
def test_what_cannot_be_translated_is_an_error(text: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The error is a line on stderr after the usage, and the exit status is 2."""
    with pytest.raises(SystemExit) as ended:
        main(["translate", text])

    assert ended.value.code == 2
    assert message in capsys.readouterr().err


PIECES = st.sampled_from(
    [*"()[]{},.:=*'\"-+/ \n\t", "StepLR", "opt", "torch.", "step_size=", "30", "1e999", "None", "lambda i: i", "type", "params",
     "class_path: ", "init_args: ", "lr_scheduler_type: ", "cosine", "get_scheduler", "f(x)", "&a", "*a", "!!python/name:os ", "[" * 300]
)  # fmt: skip


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.one_of(st.text(max_size=40), st.lists(PIECES, max_size=12).map("".join)))
def test_any_text_is_translated_or_answered(capsys: pytest.CaptureFixture[str], text: str) -> None:
    """Whatever the text is, the command prints a schedule or an error with its exit status, and never a traceback."""
    status: object = 0
    try:
        main(["translate", "--", text])
    except SystemExit as ended:
        status = ended.code
    printed = capsys.readouterr()

    assert printed.out if status == 0 else (status == 2 and "error: " in printed.err)


def test_the_command_needs_neither_torch_nor_lightning() -> None:
    """A translation loads neither torch nor Lightning, and evaluates nothing of the text."""
    code = (
        "import sys; from lr_toolkit.cli import main; main(['translate', 'StepLR(open(\"/\"), step_size=30)']); "
        "print(sorted({'torch', 'lightning', 'transformers'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, timeout=100, text=True)

    assert done.stdout == "step(30)\n[]\n"


def test_a_call_of_the_library_itself_is_refused_alike() -> None:
    """The function of a library answers with the same message as the command."""
    from lr_toolkit.schedules import peers

    with pytest.raises(ScheduleError, match=r"^torch\.StepLR\(step_sise=30\): there is no argument 'step_sise'\."):
        peers.torch("StepLR", step_sise=30)


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("CosineAnealingLR", "CosineAnnealingLR"),
        ("cosine", "CosineAnnealingLR"),
        ("torch.optim.lr_scheduler.StepLR", "StepLR"),
        ("ReduceOnPlateau", "ReduceLROnPlateau"),
    ],
)
def test_the_name_that_is_meant_comes_before_all_names(name: str, meant: str) -> None:
    """A name with a slip, the beginning of a name, and one with its module are answered before the list."""
    from lr_toolkit.schedules import peers

    with pytest.raises(ScheduleError, match=rf"is not known\. Did you mean '{meant}'\? The names are 'StepLR', "):
        peers.torch(name)


def test_a_name_like_no_other_is_answered_with_all_names() -> None:
    """Nothing is guessed."""
    from lr_toolkit.schedules import peers

    with pytest.raises(ScheduleError, match=r"^torch\('zzz'\): is not known\. Write one of 'StepLR', "):
        peers.torch("zzz")
