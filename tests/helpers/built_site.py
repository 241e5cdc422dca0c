"""Builds the documentation away from the checkout, and reads the pages as a browser does: links, anchors, what they load."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import lr_toolkit
from tests.helpers.browser import browser

ROOT = Path(__file__).parents[2]
# What the pages show parts of: docstrings, a reader of docstrings, results.
LINKED = {path.name: path for path in (Path(lr_toolkit.__file__).parent, ROOT / ".ci", ROOT / "benchmarks")}
_LOADS = {
    "script": "src",
    "img": "src",
    "link": "href",
    "iframe": "src",
    "source": "src",
    "video": "src",
    "object": "data",
}
_IN_STYLES = re.compile(r"""(?:url\(|@import)\s*['"]?((?:https?:)?//[^'")]+)""")
_NOT_LOADED = {"canonical", "prev", "next", "alternate"}


def build(folder: Path, pages: dict[str, str] | None = None) -> Path:
    """Build the documentation in ``folder``, with the pages of the checkout or with ``pages``, and return the folder of the site."""
    config = (ROOT / "zensical.toml").read_text("utf-8")
    if pages is None:
        shutil.copytree(ROOT / "docs", folder / "docs")
    else:
        config = re.sub(r"^nav = \[\n.*?^\]\n", "", config, flags=re.DOTALL | re.MULTILINE)
        shutil.copytree(ROOT / "docs" / "assets", folder / "docs" / "assets")
        for name, text in pages.items():
            (folder / "docs" / name).write_text(text, "utf-8")
    (folder / "zensical.toml").write_text(config, "utf-8")
    for name, path in LINKED.items():
        (folder / name).symlink_to(path)
    command = [sys.executable, "-m", "zensical", "build"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr + done.stdout
    return folder / "site"


@dataclass
class Page(HTMLParser):
    """What a page has: its anchors, where its links go, and what a browser loads to show it."""

    anchors: set[str] = field(default_factory=set)
    links: list[str] = field(default_factory=list)
    loaded: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element."""
        values = {name: value or "" for name, value in attrs}
        self.anchors |= {values[name] for name in ("id", "name") if values.get(name)}
        if tag == "a" and "href" in values:
            self.links.append(values["href"])
        if _LOADS.get(tag) in values and values.get("rel") not in _NOT_LOADED:
            self.loaded.append(values[_LOADS[tag]])


@lru_cache(maxsize=2)
def read_pages(site: Path) -> dict[Path, Page]:
    """Each page of a site but the one for addresses that do not exist, whose links are those of the root of a host."""
    pages = {}
    for path in sorted(site.rglob("*.html")):
        if path.name != "404.html":
            page = pages[path] = Page()
            page.feed(path.read_text("utf-8"))
    return pages


def dead_links(site: Path) -> list[str]:
    """Each link or loaded file that does not exist, and each anchor that its page does not have, with the page on which it is."""
    pages = read_pages(site)
    dead = []
    for path, page in pages.items():
        for address in [*page.links, *page.loaded]:
            parts = urlsplit(address)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            anchors = pages[target].anchors if target in pages else set()
            if not target.is_file() or (parts.fragment and unquote(parts.fragment) not in anchors):
                dead.append(f"{path.relative_to(site).as_posix()}: {address}")
    return dead


def outside(site: Path) -> list[str]:
    """What a page or a style sheet loads from another host."""
    pages = read_pages(site).items()
    found = [f"{path.name}: {address}" for path, page in pages for address in page.loaded if urlsplit(address).netloc]
    for path in site.rglob("*.css"):
        found += [f"{path.name}: {address}" for address in _IN_STYLES.findall(path.read_text("utf-8"))]
    return found


def without_page(site: Path, names: Iterable[str]) -> list[str]:
    """The public names that no page documents."""
    anchors = set().union(*(page.anchors for page in read_pages(site).values()))
    return [name for name in names if f"lr_toolkit.{name}" not in anchors]


def search(site: Path, query: str) -> list[str]:
    """The places that a search finds, in the order of the site: those in which each word of the query begins a word.

    The index and its separator of words are those of the site. The search in a browser ranks these places, too.
    """
    separator, places = _read_index(site)
    wanted = words_of(query, separator)
    return [place for place, words in places if all(any(each.startswith(word) for each in words) for word in wanted)]


_ASK = """
const [queries, done] = arguments;
const worker = new Worker(JSON.parse(document.getElementById("__config").textContent).search);
const found = [];
const ask = () => worker.postMessage({ type: 2, data: { input: queries[found.length] } });
worker.onmessage = ({ data: { type, data } }) => {
  if (type === 3) found.push(data.items.map((item) => __index.items[item.id].location));
  found.length < queries.length ? ask() : done(found);
};
const script = Object.assign(document.createElement("script"), { src: "search.js" });
script.onload = () => worker.postMessage({ type: 0, data: __index });
document.body.append(script);
"""


def pasted(site: Path, queries: Sequence[str]) -> list[list[str]]:
    """The places that the search in a browser shows first for each query, in its order; the site is opened from its folder."""
    with browser() as opened:
        opened.open(site / "index.html")
        found: list[list[str]] = opened.driver.execute_async_script(_ASK, queries)
        assert opened.problems == []
        return found


def words_of(text: str, separator: str) -> set[str]:
    """The words of a text in HTML, in lower case."""
    return {word.lower() for word in re.split(separator, html.unescape(re.sub(r"<[^>]*>", "", text))) if word}


@lru_cache(maxsize=2)
def _read_index(site: Path) -> tuple[str, list[tuple[str, set[str]]]]:
    index = json.loads((site / "search.json").read_text("utf-8"))
    separator = index["config"]["separator"]
    return separator, [
        (item["location"], words_of(f"{item['title']} {item['text']}", separator)) for item in index["items"]
    ]
