"""What is heard of the page, and where the keyboard is."""
