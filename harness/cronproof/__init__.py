"""Proves that cron endpoints neither send a message twice nor lose one. Read `engine/verification.py` first."""
