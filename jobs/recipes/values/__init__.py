"""The values of some keys by themselves: the blocks of formats, and what a cut looks for."""
