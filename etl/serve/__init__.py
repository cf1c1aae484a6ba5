"""Serving: a page and a prompt as training had them, and the answer as an action.

It stands beside the command line: what an agent imports where it runs, by way of `stepmill.py`. It
reads of a recipe what decides observations and prompts, and calls the same functions as a build
does. It may import any room below, but neither Polars nor Arrow, in no way: a test starts it.
"""
