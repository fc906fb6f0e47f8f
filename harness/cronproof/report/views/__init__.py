"""The views of a report: one module for each format and each table, rendered from the document alone."""
