"""Renderings of a finished run: for the terminal, as JSON, as JUnit XML, as the sign-off report in Markdown."""
