"""What a rendition keeps of its original's metadata: new blocks of what is still true, and files without any. Pure."""
