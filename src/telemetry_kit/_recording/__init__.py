"""Providers that record, on the OpenTelemetry API alone: what `telemetry_kit.testing` and the console stand on."""
