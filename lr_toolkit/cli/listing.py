"""``lr-toolkit list`` and ``lr-toolkit gallery``: the builders and recipes, in the terminal and as a page."""

from __future__ import annotations

import argparse

from lr_toolkit.cli.imports import add_import, import_modules

__all__ = ["add_gallery", "add_list"]


def add_list(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``list`` to the parser."""
    names = commands.add_parser("list", help="print the builders and recipes, or the documentation of one")
    names.add_argument("name", metavar="NAME", nargs="?", help="the name of a builder, or register_function")
    add_import(names)
    names.set_defaults(run=_list, parser=names)


def add_gallery(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``gallery`` to the parser."""
    gallery = commands.add_parser("gallery", help="write a page with the curve and the documentation of each builder")
    gallery.add_argument("--out", metavar="FOLDER", default="docs", help="default: %(default)s")
    gallery.set_defaults(run=_gallery, parser=gallery)


def _list(parsed: argparse.Namespace) -> str:
    from lr_toolkit.preview.listing import list_builders, show_builder

    import_modules(parsed.modules)
    return list_builders() if parsed.name is None else show_builder(parsed.name)


def _gallery(parsed: argparse.Namespace) -> str:
    from lr_toolkit.preview.gallery import write_gallery

    written = write_gallery(parsed.out)
    return f"{written[0]}, and {len(written) - 1} pictures beside it"
