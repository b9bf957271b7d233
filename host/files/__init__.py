"""The folders and files of one installation: layout, modes, locks, and recipes.toml."""
