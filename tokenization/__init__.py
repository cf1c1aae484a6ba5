"""Text to tokens: vocabularies, prompts, chat templates, fitting to a context, packing.

What enters is a step that can be done on text alone: nothing here knows HTML, recordings or the
folder of a build. The one file it reads is a vocabulary's. It imports `schemas` only.
"""
