"""The choice of values where a scenario's rows give several."""

Data = tuple[int, ...]
"""The index of the chosen value at each place that gives several. Empty: the first ones."""
