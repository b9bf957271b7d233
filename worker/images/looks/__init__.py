"""What the operations do to pixels, each with its own arithmetic: scaling, colours, corners, bars, watermarks."""
