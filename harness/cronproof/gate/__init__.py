"""The interface between instances and executor: points, faults, footprints, traces. Everything above `domain` may import it."""
