"""The choice of values where a scenario's rows give several."""

from __future__ import annotations

Data = tuple[int, ...]
"""The index of the chosen value at each place that gives several. Empty: the first ones."""
