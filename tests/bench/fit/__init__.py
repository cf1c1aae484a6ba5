"""How often an observation within a budget of tokens still holds the target: `__main__` says how."""
