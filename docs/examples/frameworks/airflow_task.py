"""A task in the shape of Airflow's: a callable that gets the run's context, in a
process that ends soon.

The run's id is on the span; the job's name is the task's. `flush_timeout` delivers
before the process is gone."""

import os

from host import set_up, trace_id

from telemetry_kit import Telemetry, current_run
from telemetry_kit.carriers import Environ

telemetry = Telemetry("shop.dags")
book = telemetry.batch_job(
    "book_orders", expected_interval=86_400, flush_timeout=5.0, handle_sigterm=True
)


def book_orders(run_id: str, **context: object) -> None:
    """What `PythonOperator(python_callable=book_orders)` calls; TRACEPARENT is whoever
    triggered the run."""
    with book.run(run_id=run_id, carrier=Environ()):
        print(trace_id())
        for _ in current_run().track(range(10)):
            pass


if __name__ == "__main__":
    set_up("airflow-task")
    book_orders(
        run_id=os.environ.get("AIRFLOW_CTX_DAG_RUN_ID", "manual"),
        logical_date="2026-11-22",
    )
