"""Why do I see no telemetry? `diagnose()` says, `python -m telemetry_kit doctor` asks it about a program, and
`TELEMETRY_KIT_CONSOLE=1` shows what is recorded where no SDK is."""

from telemetry_kit.diagnosis.findings import Diagnosis, Finding, diagnose

__all__ = ["Diagnosis", "Finding", "diagnose"]
