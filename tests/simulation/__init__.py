"""Both cores on a fake network and clock."""
