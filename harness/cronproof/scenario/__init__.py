"""Scenario files: their model, reading them with line numbers, their rows as SQL. Imported by `engine` and all above."""
