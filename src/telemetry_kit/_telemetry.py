"""`Telemetry`: the scope of an instrumented library, and the only way from a user to the rooms.

Each method makes one thing of one room, which is imported when first needed: a library that only counts its
operations does not pay for executors.
"""

from __future__ import annotations

import fnmatch
import os
from typing import TYPE_CHECKING, Any

from telemetry_kit._exceptions import DEFAULT_POLICY, ErrorPolicy
from telemetry_kit._scope import Scope

if TYPE_CHECKING:
    from opentelemetry._logs import Logger, LoggerProvider
    from opentelemetry.metrics import Meter, MeterProvider
    from opentelemetry.trace import Tracer, TracerProvider

DISABLED_VARIABLE = "TELEMETRY_KIT_DISABLED"
"""Names or patterns of the libraries whose telemetry a host switches off: `acme.*,shop`."""
