"""Proof that the checks catch what they claim to: the scenarios, against implementations that are broken."""
