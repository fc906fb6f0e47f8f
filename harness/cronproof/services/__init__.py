"""The mocked message APIs and the two ways in which they are served: in process and over HTTP."""
