"""What follows from the catalogue for whoever watches: alert rules, as data.

>>> from telemetry_kit.monitoring import JOB_ALERTS
>>> [alert.name for alert in JOB_ALERTS]
['JobFailed', 'JobStale', 'JobRunningTooLong', 'JobNoRecords']
"""

from telemetry_kit.monitoring.rules import JOB_ALERTS, AlertRule, rule_file

__all__ = ["JOB_ALERTS", "AlertRule", "rule_file"]
