"""Combines all parts: an execution, a scenario, a run. Imported by `prove`, `report`, `setup` and `cli`. Read `verification.py` first."""
