"""Contains the network calls of processes: they reach a stand-in, or nothing. Imported by `targets` and all above."""
