"""The report as data: recording, merging and comparing the documents of runs."""
