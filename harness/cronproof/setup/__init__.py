"""Setup: examining a machine or a target, and writing a configuration. Imported by `cli`."""
