"""strongSwan: charon with its user-space data plane, driven over vici."""
