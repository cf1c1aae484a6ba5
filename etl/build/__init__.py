"""Builds: what a recipe asks for is made of recordings, in three phases that each can be resumed.

What decides, runs or resumes a build stands here; what a workflow, a page or a dataset is does not.
It may import every room below, and neither `etl.look` nor `etl.publish`.
"""
