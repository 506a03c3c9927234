"""The pictures of the documentation, taken anew: `nox -s screenshots`; with `-- --prometheus` those of its alerts too.

The report and the start page, on a desk and on a phone, in the light and in the dark; what the terminal shows comes from a
run of two chapters. They are WebP, each below 300 KB.
"""

import argparse
import contextlib
import io
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from PIL import Image

from tests.browser import support

IMAGES = support.ROOT / "docs" / "images"
MOST = 300_000
"""Bytes of a picture."""
TALL = {"desktop": {"width": 1440, "height": 1280}, "phone": {"width": 390, "height": 1400}}
DEVICES = {
    name: {**device, "viewport": TALL[name]}
    for name, device in (("desktop", support.DESKTOP), ("phone", support.PHONE))
}


def keep(png: bytes, name: str) -> None:
    """Save a picture, no larger than it has to be."""
    path = IMAGES / f"{name}.webp"
    picture = Image.open(io.BytesIO(png)).convert("RGB")
    for quality in (90, 80, 65, 50):
        picture.save(path, quality=quality, method=6)
        if path.stat().st_size < MOST:
            break
    print(
        f"{path.relative_to(support.ROOT)}: {picture.width} x {picture.height}, {path.stat().st_size // 1000} KB",
        flush=True,
    )


def take(browser: Any, url: str, name: str, drawn: str = "true") -> None:
    """One page as four people see it, once the condition `drawn` is true of it."""
    for device, how in DEVICES.items():
        for scheme in ("light", "dark"):
            context = browser.new_context(**how, color_scheme=scheme)
            context.set_default_timeout(120_000)
            page = context.new_page()
            page.goto(url)
            page.wait_for_function(drawn)
            keep(page.screenshot(), f"{name}-{device}-{scheme}")
            context.close()


def pages_and_report(browser: Any, scratch: Path) -> None:
    """A run of the demo, and the start page, which shows the report's picture."""
    only = ("--only", "ten_lines", "--only", "red")
    terminal = support.demo_report(scratch / "terminal", "--picture", *only, "--seconds", "10")
    shown = (terminal.parent / "terminal.svg").read_text(encoding="utf-8")
    stand_in = shown.replace(
        terminal.as_uri(), "file:///home/you/report.html"
    )  # where it was made is nobody's business
    (IMAGES / "shop-terminal.svg").write_text(stand_in, encoding="utf-8")
    report = support.demo_report(scratch / "report")
    take(browser, report.as_uri(), "report", "document.body.dataset.drawn === 'yes'")
    with support.served(support.built_pages(scratch / "html")) as url:
        take(browser, f"{url}/index.html", "start-page")


def alerts(browser: Any, scratch: Path) -> None:
    """Prometheus's own page while the demo's faults last, and the demo's chapter on what was sent of them."""
    sys.path.insert(0, str(support.ROOT / "docs" / "examples"))
    from shop import __main__ as shop
    from shop import prometheus

    running = prometheus.running
    page = browser.new_context(**DEVICES["desktop"]).new_page()

    @contextlib.contextmanager
    def watched(*arguments: Any) -> Iterator[prometheus.Stack]:
        with running(*arguments) as stack:
            yield stack
            page.goto(f"{stack.prometheus}/classic/alerts", wait_until="networkidle")
            keep(page.screenshot(), "prometheus-alerts")

    setattr(prometheus, "running", watched)  # noqa: B010 - the demo's own, with a look at the end
    folder = scratch / "alerts"
    if shop.main(["--only", "pages", "--seconds", "60", "--folder", str(folder)]):
        sys.exit("the chapter failed")
    page.goto((folder / "index.html").as_uri())
    page.wait_for_function("document.body.dataset.drawn === 'yes'")
    keep(page.locator("#pages").screenshot(), "shop-pages")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--prometheus", action="store_true", help="the pictures of alerts instead (Debian's Prometheus)"
    )
    options = parser.parse_args()
    if support.chromium() is None:
        sys.exit("there is no Chromium on this machine (Debian's package `chromium`)")
    with tempfile.TemporaryDirectory() as folder, support.browser() as opened:
        (alerts if options.prometheus else pages_and_report)(opened, Path(folder))
