"""The implementation under test: configuring, starting, calling and killing its instances."""
