"""The scenario files below scenarios/ are tests: the package's own plugin collects them."""
