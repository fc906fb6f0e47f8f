"""Measurements, each next to a baseline from the same run. `make bench` prints them."""
