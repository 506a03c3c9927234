"""APScheduler: a scheduled function is a batch job, and a scheduler that lives on is
scraped or exports like a service."""

import threading
from datetime import timedelta

from apscheduler.schedulers.background import BackgroundScheduler
from host import end_as_ctrl_c_does, set_up

from telemetry_kit import Telemetry, current_run

telemetry = Telemetry("shop.nightly")
cleanup = telemetry.batch_job("cleanup", expected_interval=timedelta(days=1))
done = threading.Event()


@cleanup
def clean_up(folder: str) -> None:
    for _ in current_run().track(["a.tmp", "b.tmp"]):
        pass
    done.set()


if __name__ == "__main__":
    set_up("shop-nightly")
    end_as_ctrl_c_does()
    scheduler = BackgroundScheduler()
    # At once; "cron", hour=2 in a real program.
    scheduler.add_job(clean_up, args=["/var/tmp/shop"])
    scheduler.start()
    done.wait(10)
    scheduler.shutdown()
    print("done")
