"""Events, exceptions that nobody handles, and filters for logging."""
