"""How often an observation within a budget still holds the target: `__main__` says how."""
