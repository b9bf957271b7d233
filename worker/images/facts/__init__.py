"""What is told of an original beside its renditions: placeholders, and facts about the picture."""
