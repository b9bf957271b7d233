"""What a process is told: its settings, command line and installed extras, and how it logs."""
