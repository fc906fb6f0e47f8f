"""The database of a run: creating, migrating, resetting, reading it. Imported by `scenario`, `targets` and all above."""
