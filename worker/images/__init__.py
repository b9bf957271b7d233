"""The image path: an original goes in, and the renditions of its recipe come out."""
