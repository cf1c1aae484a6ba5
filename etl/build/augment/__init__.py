"""Objectives and bare descriptions rewritten by a language model: the mappings that
`etl.stages.augment` reads.
"""
