"""Every place at which the kit keeps a fault from the host, found in its source and broken in turn."""
