"""What a rendition takes over from its original beside the pixels: metadata, or the whole file without it."""
