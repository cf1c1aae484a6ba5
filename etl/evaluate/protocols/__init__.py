"""Protocols: how answers are read, which of them counts, and what it scores; a module a family.

A protocol gives the numbers of a reference, its defects included: it reproduces them, and its
``defects`` say so. The strict figure (kind, element and value all equal) comes beside.
"""
