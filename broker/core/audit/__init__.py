"""What operators are told of commands: who gave which one, and how much it changed."""
