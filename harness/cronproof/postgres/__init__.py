"""The database of a run: made, migrated, reset, read, compared. Everything above may import it."""
