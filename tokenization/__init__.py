"""Text to tokens: vocabularies, prompts, chat templates, fitting to a context, packing. Knows no
HTML and no files.
"""
