"""What ``LRFinder`` writes to real loggers, read back from their files."""

from __future__ import annotations

from pathlib import Path

import pytest
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger, WandbLogger
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from lr_toolkit import LRFinder, LRSearch
from tests.helpers.finding import Regression, loader, trainer


def searched(logger: object) -> LRSearch:
    """A short run with a search."""
    finder = LRFinder()
    trainer(callbacks=[finder], logger=logger, max_epochs=2).fit(Regression(), loader())
    assert finder.search is not None
    return finder.search


def test_csv_has_the_table(tmp_path: Path) -> None:
    """As a text file in the folder of the run."""
    search = searched(CSVLogger(str(tmp_path), name="", version="run"))

    assert (tmp_path / "run" / "lr_search.txt").read_text("utf-8") == f"{search}\n"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_tensorboard_has_the_table_and_the_picture(tmp_path: Path) -> None:
    """As text and as an image."""
    search = searched(TensorBoardLogger(str(tmp_path), name="", version="run"))
    events = EventAccumulator(str(tmp_path / "run"), size_guidance={"images": 0, "tensors": 0})
    events.Reload()
    (text,) = events.Tensors("lr_search/table/text_summary")[0].tensor_proto.string_val

    assert f"base LR {search.lr:.3g}" in text.decode()
    assert events.Images("lr_search/picture")[0].width == 800


def test_wandb_has_the_answer_in_its_summary(tmp_path: Path) -> None:
    """Under names that runs are compared by."""
    logger = WandbLogger(save_dir=str(tmp_path), offline=True)
    search = searched(logger)
    summary = dict(logger.experiment.summary)
    logger.experiment.finish()

    assert [summary[f"lr_search/{name}"] for name in ("lr", "low", "high")] == [search.lr, search.low, search.high]
    assert logger.experiment.config["lr"] == search.lr
