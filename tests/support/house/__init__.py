"""What is made of the code itself: the rules of the tree, the docs' drawings."""
