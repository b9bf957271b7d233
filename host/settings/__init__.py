"""The settings of a process, its command line, its installed extras, and its log."""
