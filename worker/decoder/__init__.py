"""The nursery and its decoders: they compute for a keeper, and nobody trusts them."""
