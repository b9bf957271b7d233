"""The document of the API as one HTML page. Pure: the document in, HTML out."""
