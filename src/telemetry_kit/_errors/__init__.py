"""How an exception is recorded in detail: within the limits, once a trace, as the signal that the host wants."""
