"""Who may do what: claims, leases and fan-in, in Redis and in memory."""
