"""The page in a browser, for its tests and for the docs: pictures, transcripts, other sites' uploaders."""
