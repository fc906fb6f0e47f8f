"""The views of a report: one module for each format, rendered from the document alone."""
