"""Rewrite objectives and bare descriptions with a language model, for `etl.stages.augment`.

Only what asks a model and reads its answers enters here; a build never does, it reads the files.
The folder imports recipes, sources, stages and the rooms below.
"""
