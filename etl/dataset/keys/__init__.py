"""The keys of a dataset: what is published of it without any page.

A holder of the recordings rebuilds the same bytes from them. ``listed`` is the file that says so.
"""
