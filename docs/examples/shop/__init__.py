"""A small shop that runs for real, and what its telemetry shows: `python -m shop`, one command, nothing to install by hand.

Where to look:

- `service.py` is the shop: handlers decorated with telemetry_kit and nothing else; `stock.py` its database file,
  `suppliers.py` the slow and the failing dependency, `load.py` its customers.
- `sdk.py` is the host's part: it chooses the SDK. `backend.py` receives what the SDK exports (OTLP over HTTP, and the
  Prometheus page); `traces.py`, `metrics.py` and `logs.py` keep it and answer questions.
- `chapters/` has one file per part of the story, `frame.py` runs them, `figures.py` draws, `terminal.py` and `report.py` show.
"""
