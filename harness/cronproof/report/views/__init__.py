"""The report as text: one module for each format, each made of the document alone."""
