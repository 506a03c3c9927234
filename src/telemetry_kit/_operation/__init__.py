"""RED: operations, their measurements, and the fast path of a decorated call."""
