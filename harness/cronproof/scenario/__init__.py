"""Scenario files: what they say, reading them with line numbers, and the rows that they ask for."""
