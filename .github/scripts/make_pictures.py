"""Take the pictures of docs/pictures from a running server: make_pictures.py [http://127.0.0.1:8000]."""

import shutil
import sys
from pathlib import Path
from typing import Literal, NamedTuple

from playwright.sync_api import Browser, ViewportSize, sync_playwright

FOLDER = Path(__file__).parents[2] / "docs" / "pictures"
BROWSERS = ("chromium-headless-shell", "chromium", "google-chrome-stable", "google-chrome")


class Picture(NamedTuple):
    """One page as it is shown in the documentation."""

    name: str
    path: str
    width: int
    height: int
    scheme: Literal["light", "dark"] = "light"


PICTURES = (
    Picture("page-home", "/", 1100, 860),
    Picture("page-football", "/football/quality", 1100, 760, "dark"),
    Picture("page-games", "/games", 390, 760),
    Picture("page-events", "/events?hours=1", 1100, 860),
)


def take(browser: Browser, address: str, picture: Picture) -> None:
    """Write one picture."""
    viewport: ViewportSize = {"width": picture.width, "height": picture.height}
    context = browser.new_context(viewport=viewport, color_scheme=picture.scheme)
    page = context.new_page()
    page.goto(address + picture.path)
    page.get_by_text("Live", exact=True).wait_for()
    page.screenshot(path=FOLDER / f"{picture.name}.png")
    context.close()


def main() -> int:
    """Take every picture."""
    address = sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:8000"
    path = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path)
        for picture in PICTURES:
            take(browser, address.rstrip("/"), picture)
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
