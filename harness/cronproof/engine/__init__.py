"""Combines all parts: an execution, a scenario, a run. Read `verification.py` first."""
