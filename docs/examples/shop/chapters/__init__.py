"""The chapters of the story: one file each, found by being here, told in the order of their `ORDER`.

A chapter is a module with three names::

    ORDER = 30                       # ten_lines 0, red 10, executor 30, nightly_job 40, pages 45, use 50, error_storm 60, messages 70, cost 80, host 90
    SHARE = 1.0                      # optional: its part of the demo's seconds, against the other chapters'

    def run(demo: Demo) -> Section:  # from shop.frame import Demo, Section
        demo.load(rate=60, mix={"browse": 1})                       # customers, for demo.seconds; or work of your own
        demo.settle()                                               # spans and metrics are in the stores now
        waited = demo.window.at_most("executor.queue.wait_time", 0.95, by="executor.name")
        chart = time_series("19 of 20 waited at most", waited, unit="s")    # from shop.figures import time_series
        return Section("Inside an executor", "**The gist** in one paragraph of Markdown.\n\nThen more.", [chart])

What it is given: `demo.url` (the shop over HTTP), `demo.shop` (its object: `.stock`, `.payments`, `.ranker`), `demo.seconds` (about how long
to take), `demo.folder` (scratch), `demo.load` and `demo.customers` (load), `demo.progress` (a bar), `demo.watch` (set it: shown live),
`demo.environment(service)` (for a process that calls `shop.sdk.from_environment()` and so sends its telemetry here; give it
`start_new_session=True`, so that a Ctrl-C is the demo's alone, which then ends it).
The SDK is installed globally: `Telemetry("shop.resize")` at the top of the chapter records. Metrics are collected twice a second.

- `demo.window` (metrics since the chapter began; `shop/metrics.py`): `total(s)`, `means`, `ranges` (of quantiles), `latest`, and over time
  `levels` (gauges), `rates` (counters, histogram counts), `at_most` (of quantiles), `buckets_over_time`; `exemplars`.
  All take `by="attribute"` and `where={"attribute": value}` or a function of the attributes.
- `demo.traces.spans(name, since=demo.since)`, `.slowest(name, since=demo.since)`, `.trace(trace_id)`; `demo.logs.events(name, since=demo.since)`.
- `shop/figures.py`: `time_series`, `bars`, `heatmap`, `timeline` (of `Stretch`), `waterfall` (of spans), `table`, `facts`; `number`, `seconds`.

A chapter that raises is reported and makes the demo end with 1, and the others are still told. With few seconds (`--seconds 5` for
all of them, as in CI) `demo.seconds` is about half of one: a chapter does less then, but it must not fail.
Run one alone with `python -m shop --only executor --seconds 5`. What a chapter needs beside itself can stand in `chapters/_name.py`.
"""
