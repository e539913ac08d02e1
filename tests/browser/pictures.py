"""Pictures of the page, to look at: pictures.py DIR, or pictures.py FILE.png for the one that the documents show."""

import pathlib
import subprocess
import sys

import browser as page


def take(browser, path, scheme="light", width=1280, **part):
    page.show(browser, width=width, height=1000, scheme=scheme)
    path.write_bytes(page.picture(browser, **part))


def main(target):
    browser = page.start()
    try:
        if target.suffix == ".png":
            target.parent.mkdir(parents=True, exist_ok=True)
            return take(browser, target, height=700, scale=0.7)
        target.mkdir(parents=True, exist_ok=True)
        for name, scheme, width in [("light", "light", 1280), ("dark", "dark", 1280), ("narrow", "light", 400)]:
            take(browser, target / f"{name}.png", scheme, width)
        page.show(browser)
        (target / "print.pdf").write_bytes(page.printed(browser))
    finally:
        browser.quit()
    subprocess.run(["pdftoppm", "-png", "-r", "60", target / "print.pdf", target / "print"], check=True)


main(pathlib.Path(sys.argv[1]))
