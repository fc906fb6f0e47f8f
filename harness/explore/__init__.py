"""The order in which instances run: where they can be held, who goes next, and the overlaps that scenarios name."""
