"""A browser without a window that shows the simulated report, straight from its file."""

import base64
import json
import os
import pathlib
import subprocess

from selenium import webdriver
from selenium.common.exceptions import SessionNotCreatedException
from selenium.webdriver.chrome.service import Service

DIRECTORY = pathlib.Path(os.environ["BCMP_REPORT"])
PAGE = DIRECTORY / "report.html"
REPORT = json.loads((DIRECTORY / "report.json").read_text())


# The driver gives Chromium a minute to come up; a machine that is busy compiling may need more.
STARTS = 5


def start():
    for _ in range(STARTS - 1):
        try:
            return start_once()
        except SessionNotCreatedException:
            continue
    return start_once()


def start_once():
    options = webdriver.ChromeOptions()
    options.binary_location = "/usr/bin/chromium"
    for argument in ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                     "--disable-background-networking", "--force-device-scale-factor=1", "--hide-scrollbars", "--font-render-hinting=none"]:
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    browser = webdriver.Chrome(service=Service("/usr/bin/chromedriver"), options=options)
    browser.set_page_load_timeout(60)
    browser.set_script_timeout(60)
    return browser


def show(browser, width=1280, height=900, scheme="light", media="screen"):
    """Opens the page in a window of a size, in one of the schemes people prefer."""
    size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": media, "features": features})
    browser.get(PAGE.as_uri())


def printed(browser):
    """The page as it is printed: a PDF."""
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    pdf = browser.execute_cdp_cmd("Page.printToPDF", {"paperWidth": 8.27, "paperHeight": 11.69, "printBackground": False})
    return base64.b64decode(pdf["data"])


def text_of(pdf):
    """Text of a PDF, page by page."""
    ended = subprocess.run(["pdftotext", "-layout", "-", "-"], input=pdf, capture_output=True, check=True, timeout=60)
    return ended.stdout.decode().rstrip("\f").split("\f")


def picture(browser, height=None, scale=1):
    """A PNG of the page, whole or down to a height."""
    width, whole = browser.execute_script(
        "const e = document.documentElement; return [e.clientWidth, e.scrollHeight]")
    clip = {"x": 0, "y": 0, "width": width, "height": height or whole, "scale": scale}
    shot = browser.execute_cdp_cmd("Page.captureScreenshot", {"captureBeyondViewport": True, "format": "png", "clip": clip})
    return base64.b64decode(shot["data"])
