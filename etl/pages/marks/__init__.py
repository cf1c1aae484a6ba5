"""Marks: what a recorder leaves on a page, and how it is named, found and taken off."""
