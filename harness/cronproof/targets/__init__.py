"""The implementation under test: how its instances are configured, started, called and killed."""
