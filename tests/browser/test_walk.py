"""From the start page to the answer, with clicks and with the search box, as somebody who has never been here."""

import re
from typing import Any

import pytest

from tests.browser.support import DESKTOP

pytestmark = [pytest.mark.docs, pytest.mark.timeout(600)]

TASKS = {
    "see the first span of a service": (["tutorial"], "Read the trace"),
    "FastAPI": (["FastAPI"], "Order of decorators"),
    "an async generator": (["tutorial", "Coroutines and generators are no special case"], "async for"),
    "how long tasks wait for a thread": (["worker pools"], "The wait time"),
    "an alert for a nightly job": (["a job that did not run"], "JobStale"),
    "too many series": (["cardinality"], "first 100 values"),
    "test one's telemetry": (["test-drive the telemetry"], "telemetry_capture"),
    "switch a library off": (["switch a library off"], "TELEMETRY_KIT_DISABLED"),
    "no telemetry arrives": (["I see no telemetry"], "no_sdk"),
    "come from prometheus_client": (["prometheus_client"], "What is better"),
    "gunicorn": (["gunicorn"], "post_fork"),
    "Celery": (["Celery"], "worker_process_init"),
    "FastAPI with /metrics": (["FastAPI"], "PrometheusMetricReader"),
    "calls of less than 5 ms": (["views and buckets"], "ExplicitBucketHistogramAggregation"),
    "a gauge of one's own": (["numbers of your own"], "gauge"),
    "logs that lead to a trace": (["trace ids on log lines"], "trace_id"),
    "queries that make a request slow": (["queries"], "once a row"),
}
"""What somebody wants: the links that they click, by their words, and what the page that they come to says."""
SEARCHES = {
    "slow": ["size-a-worker-pool", "be-paged-for-the-right-things", "find-what-blocks-the-event-loop"],
    "turn off": ["switch-a-library-off"],
    "migrate": ["migrate-from-prometheus-client", "migrate-from-logfire"],
    "no telemetry": ["i-see-no-telemetry"],
    "slow request": ["find-what-blocks-the-event-loop", "find-queries-that-are-made-once-a-row"],
    "buckets": ["views-and-buckets"],
    "gauge": ["report-numbers-of-your-own"],
    "stale job": ["be-paged-when-a-job-did-not-run"],
    "logs correlation": ["put-trace-ids-on-log-lines"],
}
"""What somebody types, and which pages must be among the first ten that are found."""


@pytest.fixture
def page(chromium: Any, pages: str) -> Any:
    """The start page, in a window of a desktop."""
    context = chromium.new_context(**DESKTOP)
    context.set_default_timeout(60_000)
    tab = context.new_page()
    tab.goto(pages)
    yield tab
    context.close()


@pytest.mark.parametrize("task", TASKS)
def test_the_answer_is_three_clicks_away_at_most(page: Any, task: str) -> None:
    """Each click is on a link whose words a reader sees, and the last page has the answer."""
    clicks, answer = TASKS[task]
    for words in clicks:
        page.get_by_role("link", name=words, exact=True).locator("visible=true").first.click()

    assert len(clicks) <= 3
    assert answer in page.locator("article").inner_text()


@pytest.mark.parametrize("words", SEARCHES)
def test_the_search_finds(page: Any, words: str) -> None:
    """The search box leads to the pages that answer."""
    page.locator("input[name=q]").first.fill(words)
    page.keyboard.press("Enter")
    page.wait_for_function("document.querySelector('#search-results .search-summary')?.innerText.includes('found')")
    found = [link.get_attribute("href") for link in page.locator("#search-results ul.search li > a").all()][:10]
    names = [re.sub(r".*/|\.html.*", "", href) for href in found]

    assert [wanted for wanted in SEARCHES[words] if wanted not in names] == [], names


def test_code_can_be_copied(page: Any) -> None:
    """A block of code has a button that copies it; a console's prompt and output stay behind."""
    assert page.locator("article .highlight button.copybtn").count() >= 1
