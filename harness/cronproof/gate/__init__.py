"""The seam between instances and whoever holds them: points, releases, faults, footprints, traces."""
