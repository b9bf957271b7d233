"""The nursery and its decoders: processes that compute for a keeper and are trusted by nobody."""
