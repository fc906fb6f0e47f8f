"""Proves that the checks catch bugs: runs the scenarios against broken implementations. Imported by `cli`."""
