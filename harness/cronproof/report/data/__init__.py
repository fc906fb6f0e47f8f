"""The report as data: the document of a run, how it is recorded, merged and compared."""
