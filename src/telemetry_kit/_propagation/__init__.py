"""W3C context between processes: the host's propagator, held to what is harmless."""
