"""Chooses and executes schedules: the strategies, the policies, the executor."""
