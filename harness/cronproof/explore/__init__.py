"""Chooses and executes schedules: strategies, policies, executor. Imported by `scenario`, `engine` and all above."""
