"""Which of several values a scenario's rows have."""

from __future__ import annotations

Data = tuple[int, ...]
"""For each value of the scenario that is one of several, in the order of the file, which of them; empty: the first ones."""
