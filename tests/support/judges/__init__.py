"""Scripts that judge what we find in pictures by programs that are not ours."""
