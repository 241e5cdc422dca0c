"""The gallery: a card for each builder, made of its docstring, and a picture of all of them."""

from __future__ import annotations

from pathlib import Path

from lr_toolkit.preview.builder_docs import BuilderDoc, builder_docs
from lr_toolkit.preview.peer_names import peer_names
from lr_toolkit.preview.svg import curve_picture, gallery_picture

__all__ = ["gallery_files", "write_gallery"]

_INTRODUCTION = """\
# Gallery

Each builder and recipe, with the first example of its docstring. `lr-toolkit list` prints the same names in a terminal, and
`lr-toolkit translate` the exact equal of a call of another library.

![Every curve with its text](gallery.svg)
"""
_SHAPES = """\
## Shapes

`n` is the number of updates of the phase, `i` one of them from 0 on. The picture begins at zero; its full height is the base
value, or the highest factor above it. Durations, levels and joins are in the docstrings: `lr-toolkit list NAME`.
"""
_RECIPES = """\
## Recipes

Compositions of the shapes, by the names that people search for. Each prints as what it is made of.
"""


def gallery_files() -> dict[str, str]:
    """The content of each file of the gallery, by its path below the folder of the documentation.

    Example:
        >>> files = gallery_files()
        >>> "gallery.md" in files, "gallery.svg" in files, "gallery/cosine.svg" in files
        (True, True, True)
    """
    docs = builder_docs()
    cards = {doc.is_recipe: "\n".join(card(each) for each in docs if each.is_recipe is doc.is_recipe) for doc in docs}
    return {
        "gallery.md": "\n".join([_INTRODUCTION, _SHAPES, cards[False], _RECIPES, cards[True]]),
        "gallery.svg": gallery_picture([(doc.name, doc.example, doc.timeline) for doc in docs]),
        **{f"gallery/{doc.name}.svg": curve_picture(doc.name, doc.timeline) for doc in docs},
    }


def card(doc: BuilderDoc) -> str:
    """The section of one builder, in Markdown.

    Example:
        >>> from lr_toolkit import linear
        >>> print(card(BuilderDoc.of(linear)).partition("Take it")[0])
        ### linear
        <BLANKLINE>
        Move from the level reached to `end` along a straight line.
        <BLANKLINE>
        ![linear()](gallery/linear.svg)
        <BLANKLINE>
        ```python
        linear()
        ```
        <BLANKLINE>
        ```text
        factor(i) = end + (start - end) * (1 - i / n)
        ```
        <BLANKLINE>
    """
    picture = f"![{doc.name}()](gallery/{doc.name}.svg)"
    code, formula = f"```python\n{doc.example}\n```", f"```text\n{doc.formula}\n```"
    libraries = [f"{library} {', '.join(map('`{}`'.format, names))}" for library, names in peer_names(doc.name).items()]
    elsewhere = f"In other libraries: {'; '.join(libraries)}." if libraries else ""
    reference = f"Reference: {_markdown(doc.reference)}"
    parts = [
        f"### {doc.name}",
        _markdown(doc.sentence),
        picture,
        code,
        formula,
        _markdown(doc.advice),
        elsewhere,
        reference,
    ]
    return "\n\n".join(filter(None, parts)) + "\n"


def write_gallery(folder: str | Path) -> list[Path]:
    """Write the files below ``folder``, and return their paths; missing folders are created."""
    written = []
    for name, content in gallery_files().items():
        path = Path(folder) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, "utf-8", newline="\n")
        written.append(path)
    return written


def _markdown(text: str) -> str:
    """The text of a docstring, whose code is in double backticks."""
    return text.replace("``", "`")
