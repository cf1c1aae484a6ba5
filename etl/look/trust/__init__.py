"""Views of what makes a dataset trustworthy, or not."""
