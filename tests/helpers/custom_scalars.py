"""Reads the layout of the Custom Scalars tab as TensorBoard shows it for a folder of runs."""

from __future__ import annotations

import json
import warnings
from pathlib import Path

from tensorboard.backend.event_processing.data_provider import MultiplexerDataProvider
from tensorboard.backend.event_processing.plugin_event_multiplexer import EventMultiplexer
from tensorboard.context import RequestContext
from tensorboard.plugins.base_plugin import TBContext

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # of an HTML library that TensorBoard brings
    from tensorboard.plugins.custom_scalar.custom_scalars_plugin import CustomScalarsPlugin


def shown_charts(folder: Path) -> dict[str, list[str]]:
    """The tags of each chart, by "category/chart", after TensorBoard merged the layouts of all runs below ``folder``."""
    runs = EventMultiplexer().AddRunsFromDirectory(str(folder))
    runs.Reload()
    host = TBContext(logdir=str(folder), data_provider=MultiplexerDataProvider(runs, str(folder)))
    layout = json.loads(CustomScalarsPlugin(host).layout_impl(RequestContext(), ""))
    return {
        f"{category['title']}/{chart['title']}": chart["multiline"]["tag"]
        for category in layout["category"]
        for chart in category["chart"]
    }
