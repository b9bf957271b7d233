"""What a hostile image, or the code that it smuggled in, can try."""
