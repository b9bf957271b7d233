"""The folders and files of one installation: their layout, modes and locks, recipes.toml."""
