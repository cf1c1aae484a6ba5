"""Views of what becomes of characters and tokens on their way into a dataset."""
