"""The scenarios; importing a module registers those in it."""
