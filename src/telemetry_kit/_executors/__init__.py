"""Worker pools: accounting, timing, and the context that travels with a task."""
