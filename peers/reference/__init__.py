"""Our own reference implementation, as a process on this host."""
