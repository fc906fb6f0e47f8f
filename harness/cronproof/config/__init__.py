"""Reads `cronproof.toml`: what is verified, and how it is started. Imported by `engine` and all above."""
