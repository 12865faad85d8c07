"""A browser without a window, and what a person does with it: open, read, click, wait."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import pytest

# The pages are a large program of their own, which a busy machine takes long to show.
PATIENCE_SECONDS = 120
FLAGS = (
    "--headless=new",
    "--no-sandbox",  # root has no other way
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
    "--lang=en-US",
    "--window-size=1440,1000",
)

Found = TypeVar("Found")


class Browser:
    """One window of Chromium."""

    def __init__(self, driver: Any, screenshots: Path | None) -> None:
        self.driver = driver
        self._screenshots = screenshots

    def open(self, address: str) -> None:
        # Two addresses that differ after the # alone are one page, which would not be loaded anew.
        self.driver.get("about:blank")
        self.driver.get(address)

    @property
    def text(self) -> str:
        """All that is shown."""
        return str(self.run("return document.body ? document.body.innerText : ''"))

    def run(self, script: str, *arguments: Any) -> Any:
        return self.driver.execute_script(script, *arguments)

    def wait(self, what: str, condition: Callable[[], Found]) -> Found:
        """Wait until a condition gives something true, and return that."""
        from selenium.common.exceptions import StaleElementReferenceException, TimeoutException
        from selenium.webdriver.support.ui import WebDriverWait

        waiting = WebDriverWait(
            self.driver,
            PATIENCE_SECONDS,
            poll_frequency=0.1,
            ignored_exceptions=[StaleElementReferenceException],
        )
        try:
            return waiting.until(lambda _: condition())
        except TimeoutException:
            pytest.fail(f"not seen: {what}. The page {self.driver.current_url}:\n{self.text}")

    def see(self, *texts: str) -> None:
        """Wait until all these texts are shown, however they are broken into lines."""
        self.wait(f"all of {texts}", lambda: all(t in " ".join(self.text.split()) for t in texts))

    def find(self, path: str) -> Any:
        """Wait for the first element of an XPath that is shown."""
        return self.wait(path, lambda: next((e for e in self.all(path) if e.is_displayed()), None))

    def all(self, path: str) -> list[Any]:
        return list(self.driver.find_elements("xpath", path))

    def scroll_to(self, path: str) -> None:
        """Bring an element into view: charts are drawn only where they are looked at."""
        self.wait(
            f"{path} to scroll to",
            lambda: self.run("arguments[0].scrollIntoView(); return true", self.find(path)),
        )

    def click(self, path: str) -> None:
        self.find(path)
        # An element that is drawn anew while the mouse moves to it cannot be clicked by its place.
        self.wait(
            f"{path} to click on",
            lambda: self.run("arguments[0].click(); return true", self.find(path)),
        )

    def keep(self, name: str) -> None:
        """Keep a picture of the page for the documents, if NW2V_SCREENSHOTS names a folder."""
        if self._screenshots is not None:
            self._screenshots.mkdir(parents=True, exist_ok=True)
            assert self.driver.save_screenshot(str(self._screenshots / f"{name}.png"))


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    webdriver = pytest.importorskip("selenium.webdriver", reason="needs selenium (extra dev)")
    program = next(filter(None, map(shutil.which, ("chromium", "chromium-browser"))), None)
    if program is None or shutil.which("chromedriver") is None:
        pytest.skip("needs Chromium and its driver (Debian: chromium, chromium-driver)")
    from selenium.webdriver.chrome.service import Service

    folder = os.environ.get("NW2V_SCREENSHOTS")
    with tempfile.TemporaryDirectory(prefix="nw2v-browser-", ignore_cleanup_errors=True) as profile:
        options = webdriver.ChromeOptions()
        options.binary_location = program
        for flag in (*FLAGS, f"--user-data-dir={profile}"):
            options.add_argument(flag)
        driver = webdriver.Chrome(options=options, service=Service(shutil.which("chromedriver")))
        try:
            yield Browser(driver, Path(folder).absolute() if folder else None)
        finally:
            driver.quit()
