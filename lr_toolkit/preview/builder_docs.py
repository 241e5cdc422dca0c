"""The parts of a builder's docstring: the sentence, the formula, the advice, the example, the reference."""

from __future__ import annotations

import ast
import inspect
import re
import textwrap
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, final

from lr_toolkit import schedules
from lr_toolkit.errors import ScheduleError, shorten
from lr_toolkit.schedules.horizon import Horizon
from lr_toolkit.schedules.other_names import equivalent_of
from lr_toolkit.schedules.registry import BUILDERS
from lr_toolkit.schedules.schedule import Schedule
from lr_toolkit.schedules.timeline import ResolvedTimeline

__all__ = ["BuilderDoc", "builder_doc", "builder_docs", "registered_docs"]

# The run of an example whose docstring names none.
_USUAL_RUN = Horizon(10_000, 100)
_SECTION = re.compile(r"^(Args|Raises|Example|Reference):$", re.MULTILINE)
_REGISTERING = ("register_builder", "register_function", "register_shape")
_RECIPES = "lr_toolkit.schedules.recipes."


@final
@dataclass(frozen=True)
class BuilderDoc:
    """A builder's documentation, in parts. What the docstring does not have is empty.

    Attributes:
        name: the name of the builder.
        builder: the function.
        docstring: the whole docstring, without its indentation.

    Example:
        >>> from lr_toolkit import cosine
        >>> doc = BuilderDoc.of(cosine)
        >>> doc.sentence
        'Move from the level reached to ``end`` along half a cosine.'
        >>> doc.formula
        'factor(i) = end + (start - end) * ((1 + cos(pi * (i / n) ** k)) / 2) ** power'
        >>> doc.example, doc.timeline.steps
        ('cosine(end=0.1)', 4)
    """

    name: str
    builder: Callable[..., Any]
    docstring: str

    @classmethod
    def of(cls, builder: Callable[..., Any]) -> BuilderDoc:
        """The documentation of a registered builder."""
        return cls(inspect.unwrap(builder).__name__, builder, inspect.getdoc(builder) or "")

    @property
    def is_recipe(self) -> bool:
        """Whether it is a composition of other builders."""
        return str(inspect.unwrap(self.builder).__module__).startswith(_RECIPES)

    @property
    def signature(self) -> str:
        """The call with its defaults, without types."""
        signature = inspect.signature(inspect.unwrap(self.builder))
        bare = [each.replace(annotation=inspect.Parameter.empty) for each in signature.parameters.values()]
        return f"{self.name}{signature.replace(parameters=bare, return_annotation=inspect.Signature.empty)}"

    @property
    def sentence(self) -> str:
        """What it does."""
        return next(iter(self._paragraphs), "")

    @property
    def formula(self) -> str:
        """The first indented lines, in plain text."""
        blocks = re.split(r"\n\n+", _SECTION.split(self.docstring, 1)[0])
        indented = (block for block in blocks if all(line.startswith("    ") for line in block.splitlines()))
        return textwrap.dedent(next(indented, "")).replace("``", "")

    @property
    def advice(self) -> str:
        """When to take it, and when to leave it."""
        return next((paragraph for paragraph in self._paragraphs if paragraph.startswith("Take it")), "")

    @property
    def reference(self) -> str:
        """Papers, and the names that other libraries have for it."""
        return _in_a_line(self._section("Reference"))

    @property
    def example(self) -> str:
        """The first schedule in the docstring's example that calls the builder, as it is written there."""
        return next(self._examples, "")

    @property
    def timeline(self) -> ResolvedTimeline:
        """The example on the first horizon of the docstring's example, or else on 100 epochs of 100 updates."""
        horizon = next(self._calls({"Horizon"}), "")
        run = _evaluated(horizon) if horizon else _USUAL_RUN
        schedule: Schedule = _evaluated(self.example)
        return schedule.resolve(run)

    @property
    def _paragraphs(self) -> list[str]:
        """The text before the first section, without its formulas."""
        blocks = re.split(r"\n\n+", _SECTION.split(self.docstring, 1)[0])
        return [_in_a_line(block) for block in blocks if not block.startswith(" ")]

    def _section(self, title: str) -> str:
        parts = _SECTION.split(self.docstring)
        return textwrap.dedent(dict(zip(parts[1::2], parts[2::2], strict=True)).get(title, "")).strip()

    @property
    def _examples(self) -> Iterator[str]:
        for call in self._calls({*BUILDERS}):
            names = {node.id for node in ast.walk(ast.parse(call)) if isinstance(node, ast.Name)}
            if self.name in names:
                yield call

    def _calls(self, names: set[str]) -> Iterator[str]:
        """The outermost calls of these names in the docstring's example, joined by ``>>`` as they are there."""
        import doctest  # loads a debugger, which a list of names does not need

        for example in doctest.DocTestParser().get_examples(self._section("Example")):
            waiting: list[ast.AST] = [ast.parse(example.source)]
            while waiting:
                node = waiting.pop(0)
                if _is_call_of(node, names):
                    yield ast.get_source_segment(example.source, node) or ""
                else:
                    waiting = [*ast.iter_child_nodes(node), *waiting]


def builder_docs() -> list[BuilderDoc]:
    """The documentation of each builder of the package: the shapes in alphabetical order, then the recipes.

    Example:
        >>> names = [doc.name for doc in builder_docs()]
        >>> names.index("cosine") < names.index("linear") < names.index("wsd")
        True
    """
    ours = [BuilderDoc.of(builder) for name, builder in BUILDERS.items() if _is_ours(name)]
    return sorted(ours, key=lambda doc: (doc.is_recipe, doc.name))


def registered_docs() -> list[BuilderDoc]:
    """The documentation of each builder that a module outside the package has registered, in alphabetical order."""
    return [BuilderDoc.of(builder) for name, builder in sorted(BUILDERS.items()) if not _is_ours(name)]


def builder_doc(name: str) -> BuilderDoc:
    """The documentation of the builder of this name, or of a function that registers one.

    Raises:
        ScheduleError: if there is none; the message has what is near, and what another library's name is called here.

    Example:
        >>> builder_doc("linear").sentence
        'Move from the level reached to ``end`` along a straight line.'
    """
    docs = {doc.name: doc for doc in [*builder_docs(), *registered_docs()]}
    registering = {each: BuilderDoc.of(getattr(schedules, each)) for each in _REGISTERING}
    found = (docs | registering).get(name)
    if found is None:
        near = get_close_matches(name, [*docs, *registering], n=1, cutoff=0.75)
        equivalent = equivalent_of(name)
        fix = f"Did you mean {near[0]}? " if near else f"Write {equivalent}. " if equivalent else ""
        raise ScheduleError(
            f"{shorten(name)}: no builder has this name. {fix}The builders are {', '.join(docs)}. If it is registered in a module of "
            "yours, import that first: --import my_module."
        )
    return found


def _is_ours(name: str) -> bool:
    """Whether the builder is the package's own."""
    return getattr(schedules, name, None) is BUILDERS[name]


def _is_call_of(node: ast.AST, names: set[str]) -> bool:
    """Whether it is a call of one of these names, or such calls joined by ``>>``."""
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.RShift):
        return _is_call_of(node.left, names) and _is_call_of(node.right, names)
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in names


def _evaluated(text: str) -> Any:
    """What a call in one of our docstrings gives, with the names of ``lr_toolkit.schedules``; it may have a function in it."""
    return eval(text, dict(vars(schedules)))


def _in_a_line(text: str) -> str:
    return " ".join(text.split())
