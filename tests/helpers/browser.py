"""A headless browser with a page in it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)  # Debian's chromium and chromium-driver
CHROMEDRIVER = shutil.which("chromedriver")


@contextmanager
def browser() -> Iterator[Browser]:
    """Debian's chromium without a window; the test is skipped if it is not installed."""
    if CHROMIUM is None or CHROMEDRIVER is None:
        pytest.skip("chromium and chromedriver are not installed")
    pytest.importorskip("selenium", reason="selenium is not installed")
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(CHROMEDRIVER))
    try:
        yield Browser(driver)
    finally:
        driver.quit()


class Browser:
    """What a reader does with the page, and what the page shows."""

    def __init__(self, driver: Any) -> None:
        self.driver = driver

    def open(self, path: Path, *, state: str = "", width: int = 1280, is_dark: bool = False) -> None:
        """Load a page in a window of that width, on a system that prefers that theme."""
        self._command("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)
        theme = {"name": "prefers-color-scheme", "value": "dark" if is_dark else "light"}
        self._command("Emulation.setEmulatedMedia", features=[theme])
        self.driver.get("about:blank")  # a change of the part behind # alone loads nothing
        self.driver.get(path.as_uri() + state)

    def find(self, selector: str) -> Any:
        """The first element that a selector of CSS finds."""
        return self.driver.find_element("css selector", selector)

    def texts(self, selector: str) -> list[str]:
        """The texts of all elements that it finds; hidden ones too."""
        found: list[str] = self.js(
            "return [...document.querySelectorAll(arguments[0])].map(e => e.textContent)", selector
        )
        return found

    def js(self, script: str, *arguments: Any) -> Any:
        """What a script returns."""
        return self.driver.execute_script(script, *arguments)

    def click(self, selector: str) -> None:
        """Click on an element."""
        self.find(selector).click()

    def write(self, selector: str, text: str) -> None:
        """Replace the text of a box as a paste does."""
        box = self.find(selector)
        box.clear()
        box.send_keys(text)

    def press(self, *keys: str) -> None:
        """Press keys where the focus is."""
        self.driver.switch_to.active_element.send_keys(*keys)

    def point(self, selector: str, x: float, y: float) -> None:
        """Move the pointer to a place of an element."""
        box = self.find(selector).rect
        self._command("Input.dispatchMouseEvent", type="mouseMoved", x=box["x"] + x, y=box["y"] + y)

    def allow_clipboard(self) -> None:
        """Let a script read what was copied."""
        self._command("Browser.grantPermissions", permissions=["clipboardReadWrite", "clipboardSanitizedWrite"])

    @property
    def problems(self) -> list[str]:
        """Errors and warnings in the console since the last call."""
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def _command(self, name: str, **arguments: Any) -> None:
        self.driver.execute_cdp_cmd(name, arguments)
