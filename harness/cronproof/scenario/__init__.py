"""Scenario files: their model, reading them with line numbers, and their rows as SQL."""
