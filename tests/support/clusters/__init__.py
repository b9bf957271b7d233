"""Real processes for tests: started, loaded, made to fail, ended."""
