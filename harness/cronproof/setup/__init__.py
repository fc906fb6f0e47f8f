"""What helps to set up: looking at a machine or a target, and writing a configuration."""
