"""The database of a run: creating, migrating, resetting, reading and comparing it."""
