"""The demo's report as people open it: on a desk and on a phone, in the light and in the dark, and without JavaScript."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.browser.support import DESKTOP, PHONE

pytestmark = [pytest.mark.docs, pytest.mark.timeout(600)]

OFF_SCREEN = """() => {
  const width = document.documentElement.clientWidth, found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode, range = document.createRange();
    if (!node.data.trim() || !node.parentElement.checkVisibility()) continue;
    range.selectNodeContents(node);
    for (const box of range.getClientRects())
      if (box.width > 1 && (box.right > width + 1 || box.left < -1)) { found.push(node.data.trim().slice(0, 80)); break; }
  }
  return found;
}"""
"""Texts of which a part is beyond the screen's edge."""
CUT = """() => {
  const found = [];
  for (const element of document.querySelectorAll("main *")) {
    const style = getComputedStyle(element);
    if (!element.checkVisibility() || !element.innerText?.trim() || element.closest("svg")) continue;
    if ((["hidden", "clip"].includes(style.overflowX) || element.matches(".scroll")) && element.scrollWidth > element.clientWidth + 1)
      found.push(element.innerText.slice(0, 80));
  }
  return found;
}"""
"""Texts that are wider than the box that hides what is beyond it, and tables that would have to be scrolled sideways."""
IN_CHARTS = """() => {
  const found = [];
  for (const svg of document.querySelectorAll(".chart svg")) {
    const frame = svg.getBoundingClientRect();
    const texts = [...svg.querySelectorAll("text")].filter(text => text.textContent.trim() && text.checkVisibility());
    const boxes = texts.map(text => [text.textContent, text.getBoundingClientRect()])
      .filter(([, box]) => box.width > 0);
    boxes.forEach(([words, box], place) => {
      if (box.left < frame.left - 2 || box.right > frame.right + 2 || box.top < frame.top - 2 || box.bottom > frame.bottom + 2)
        found.push(`cut: ${words}`);
      for (const [others, other] of boxes.slice(place + 1)) {
        const across = Math.min(box.right, other.right) - Math.max(box.left, other.left);
        const down = Math.min(box.bottom, other.bottom) - Math.max(box.top, other.top);
        if (across > 2 && down > 3) found.push(`overprinted: ${words} | ${others}`);
      }
    });
  }
  return found;
}"""
"""Labels of a chart that are cut at its edge, or stand on one another."""

ON_PAPER = """() => {
  const wide = [...document.querySelectorAll("main pre, main .scroll, main figure")]
    .filter(part => part.scrollWidth > part.clientWidth + 1).map(part => part.innerText.slice(0, 80));
  const bars = [...document.querySelectorAll(".track i")].filter(bar => getComputedStyle(bar).printColorAdjust !== "exact");
  return [...wide, ...bars.map(() => "a bar that isn't printed")];
}"""
"""What is wider than the paper's column, or left out by a printer."""
BESIDE = """() => [...document.querySelectorAll(".track em")].filter(label => {
  const frame = (label.matches(".inside") ? label.parentElement.querySelector("i") : label.parentElement).getBoundingClientRect();
  const box = label.getBoundingClientRect();
  return box.left < frame.left - 2 || box.right > frame.right + 2;
}).map(label => label.textContent)"""
"""Durations of spans that don't fit where they stand: into the bar, or beside it within the chart."""


@pytest.fixture(scope="module", params=["desktop light", "desktop dark", "phone light", "phone dark"])
def shown(request: pytest.FixtureRequest, chromium: Any, report: str) -> Iterator[Any]:
    """The report, drawn."""
    device, scheme = request.param.split()
    context = chromium.new_context(**(PHONE if device == "phone" else DESKTOP), color_scheme=scheme)
    context.set_default_timeout(120_000)
    page = context.new_page()
    page.goto(report)
    page.wait_for_function("document.body.dataset.drawn === 'yes'")
    yield page
    context.close()


def test_nothing_is_off_the_screen(shown: Any) -> None:
    """No number, no word is beyond the edge."""
    assert shown.evaluate(OFF_SCREEN) == []


def test_nothing_is_cut_on_paper(chromium: Any, report: str) -> None:
    """On a printed page nothing can be scrolled, and bars are printed below the words that stand in them."""
    context = chromium.new_context(viewport={"width": 760, "height": 1000})
    page = context.new_page()
    page.goto(report)
    page.wait_for_function("document.body.dataset.drawn === 'yes'")
    page.emulate_media(media="print")

    assert page.evaluate(ON_PAPER) == []
    context.close()


def test_durations_stand_in_their_chart(shown: Any) -> None:
    """A span's duration is within its bar, or beside it within the chart."""
    assert shown.evaluate(BESIDE) == []


def test_nothing_is_cut(shown: Any) -> None:
    """No label ends in the middle of a word."""
    assert shown.evaluate(CUT) == []


def test_labels_of_charts_can_be_read(shown: Any) -> None:
    """None is cut at the chart's edge, and none stands on another."""
    assert shown.evaluate(IN_CHARTS) == []


def test_every_chart_has_a_text_of_its_own(shown: Any) -> None:
    """Who can't see a chart is told what it shows."""
    places = shown.locator(".chart").all()

    assert len(places) >= 6
    assert [
        place.get_attribute("id") for place in places if not (place.get_attribute("aria-label") or "").strip()
    ] == []


def test_without_javascript_the_tables_stay(chromium: Any, report: str) -> None:
    """Charts need a script; tables, sentences and code don't."""
    context = chromium.new_context(**PHONE, java_script_enabled=False)
    page = context.new_page()
    page.goto(report)

    assert page.locator("table").first.is_visible()
    assert page.locator("table").count() >= 5
    assert page.locator("text=@telemetry.operation").first.is_visible()
    context.close()
