"""The interface between instances and executor: points, releases, faults, footprints, traces."""
