"""Proves that cron endpoints neither send a message twice nor lose one. Start with `harness.runner`."""
