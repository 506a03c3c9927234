"""What every capability stands on: the clock, the context, the SDK, counts, values, outcomes, instruments, the scope."""
