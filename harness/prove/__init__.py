"""Proof that the checks catch what they claim to catch: the scenarios, against implementations that are broken."""
