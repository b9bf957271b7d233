"""The values of some keys by themselves: the blocks of formats, the patterns of texts, and what a cut looks for."""
