"""Answers without a model, and the right ones in the form that each protocol reads."""
