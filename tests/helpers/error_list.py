"""Lists every error of the package by its text, for docs/errors.md: ``python -m tests.helpers.error_list`` writes it again."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import lr_toolkit

PAGE = Path(__file__).parents[2] / "docs" / "errors.md"
PACKAGE = Path(lr_toolkit.__file__).parent
ERRORS = {"ScheduleError", "NoLRFound", "MisconfigurationException"}
GAP = "…"
FEWEST_WORDS = 3  # of a message; one with fewer is put together of others
# Files whose messages are put together from sentences: each sentence of theirs is listed.
ASSEMBLED = {
    *("aliases.py", "arguments.py", "duration.py", "functions.py"),
    *("piecewise.py", "plan_changed.py", "run.py", "text.py"),
}

INTRODUCTION = f"""\
# Errors

To find an error, paste it into the search of this site. Warnings have codes: [the checks](checks.md).

Here is every error of the package by its text; {GAP} stands for what differs. A message names what was given, what is possible, and the
line to write. Most are a `ScheduleError`, which is a `ValueError`, and come before the first update.
"""

# The title of a section, where to read more, and the files whose errors it lists; the first that matches a path counts.
SECTIONS: dict[str, tuple[str, list[str]]] = {
    "The plan changed between a checkpoint and its resume": (
        "[How resume decides](why/resume.md), [change the LR at a resume](how/change_lr.md)",
        ["optim/on_change.py", "optim/plan_changed.py", "schedules/changed/"],
    ),
    "A checkpoint that cannot be loaded": (
        "[How resume decides](why/resume.md)",
        ["optim/state", "optim/combined_state.py"],
    ),
    "The schedule and the length of the run": (
        "[Debug with the long curve](how/debug_run.md), [train without knowing how long](how/unknown_length.md)",
        [
            "schedules/placement.py",
            "schedules/horizon.py",
            "lightning/run",
            "lightning/planned_length.py",
            "schedules/timeline.py",
        ],
    ),
    "Values in configurations": (
        "[Configs](configs.md)",
        [
            "argument_types.py",
            "lightning/scheduler_cli",
            "lightning/scheduler_slot",
            "lightning/trainer_of_optimizer",
            "mapping_file.py",
            "optim/plateau/written_rule.py",
        ],
    ),
    "Durations": ("[Duration](reference/lengths.md#lr_toolkit.Duration)", ["schedules/duration.py"]),
    "Text of a schedule": ("[Schedule](reference/schedules.md#lr_toolkit.Schedule)", ["schedules/text"]),
    "Shapes and recipes": ("[Put phases together](how/phases.md)", ["schedules/shapes/", "schedules/recipes/"]),
    "A base LR for another batch size or schedule": (
        "[transfer](reference/base_lr.md#lr_toolkit.transfer)",
        ["schedules/lr_transfer.py", "schedules/convex_bound.py", "schedules/transferred_lr.py"],
    ),
    "Schedules of other libraries": ("[Twelve libraries](peers.md)", ["schedules/peers/"]),
    "Schedules by parameter group and by key": (
        "[Fine-tune with groups](how/finetune.md), [other values](how/other_values.md)",
        [
            "schedules/group_schedules.py",
            "schedules/keyed_schedules.py",
            "schedules/absolute_levels.py",
            "optim/keys.py",
            "optim/match_groups.py",
            "optim/plan.py",
            "optim/plan_check.py",
        ],
    ),
    "Phases, levels and functions": (
        "[Put phases together](how/phases.md), [add your own](reference/extend.md)",
        ["schedules/", "arguments.py"],
    ),
    "Parameter groups": (
        "[Fine-tune with groups](how/finetune.md)",
        [
            "optim/group_rules.py",
            "optim/layers.py",
            "optim/lr_scale.py",
            "optim/named_parameters.py",
            "optim/parameter",
        ],
    ),
    "Several optimizers as one": ("[Use Muon and AdamW](how/muon.md)", ["optim/combined.py"]),
    "Plateaus": ("[Lower the LR on a plateau](how/plateau.md)", ["optim/plateau/", "lightning/plateau_reader.py"]),
    "A cooldown from a checkpoint": ("[Extend, resume, branch](how/resume.md)", ["optim/branching.py"]),
    "Warmup on top of a scheduler": ("[Warm up anything](how/warmup.md)", ["lightning/warmup/", "optim/multiplier.py"]),
    "Following a schedule": ("[Follow a schedule](reference/follow.md)", ["optim/"]),
    "Finding a base LR": ("[Find the base LR](finder.md)", ["finder/", "lightning/finder/"]),
    "Averaged weights": (
        "[Train without knowing how long](how/unknown_length.md)",
        ["lightning/weight", "lightning/schedule_free.py"],
    ),
    "The monitor and its logs": (
        "[Log to W&B, TensorBoard, CSV](how/trackers.md)",
        ["lightning/monitor/", "lightning/loggers/", "lightning/checks/"],
    ),
    "In a LightningModule": ("[Follow a schedule](reference/follow.md)", ["lightning/"]),
    "Runs from outside, pictures and the command line": (
        "[Debug with the long curve](how/debug_run.md)",
        ["preview/", "cli/", "logged_runs/"],
    ),
}


def text_of(node: ast.expr) -> str:
    """The text of a message, with a gap for each part that is not written out."""
    match node:
        case ast.Constant(value=str() as text):
            return text
        case ast.JoinedStr(values=parts):
            return "".join(text_of(part) for part in parts)
        case ast.BinOp(left=left, op=ast.Add(), right=right):
            return text_of(left) + text_of(right)
    return GAP


def errors_of(path: Path) -> Iterator[str]:
    """The messages of the errors that a file makes, in order, and the sentences that it puts together to messages."""
    tree = ast.parse(path.read_text("utf-8"))
    waiting: list[ast.AST] = [tree]
    while waiting:
        node = waiting.pop(0)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            continue  # a docstring
        is_error = (
            isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ERRORS and node.args
        )
        is_sentence = path.name in ASSEMBLED and isinstance(node, ast.Constant | ast.JoinedStr)
        message = node.args[0] if is_error else node if is_sentence else None
        text = " ".join(text_of(message).split()) if message else ""
        if len(text.replace(GAP, "").split()) > FEWEST_WORDS:
            yield text
        else:
            waiting = [*ast.iter_child_nodes(node), *waiting]


def section_of(path: str) -> str:
    """The title under which the errors of a file of the package are listed.

    Raises:
        ValueError: for a file that no section has.
    """
    for title, (_, files) in SECTIONS.items():
        if path.startswith(tuple(files)):
            return title
    raise ValueError(f"{path} makes errors, and no section lists them. Add it to SECTIONS in {Path(__file__).name}.")


def error_page() -> str:
    """The whole page."""
    found: dict[str, list[str]] = {title: [] for title in SECTIONS}
    for path in sorted(PACKAGE.rglob("*.py")):
        messages = list(errors_of(path))
        if messages:
            listed = found[section_of(path.relative_to(PACKAGE).as_posix())]
            listed += [message for message in messages if message not in listed]
    parts = [INTRODUCTION]
    for title, messages in found.items():
        if messages:
            parts.append(f"## {title}\n\n{SECTIONS[title][0]}\n")
            parts.append("".join(f"- `` {message} ``\n" for message in messages))
    return "\n".join(parts)


if __name__ == "__main__":
    PAGE.write_text(error_page(), "utf-8", newline="\n")
