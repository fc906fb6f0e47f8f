"""The report of a run: its data, its views, and the folder that holds them. Imported by `cli`."""
