"""What docs/http.md says of the API: its words, the tables that are made of them, and the judge of an answer."""
