"""The implementation under test: configuring, starting, calling and killing instances. Imported by `engine` and all above."""
