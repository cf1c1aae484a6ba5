"""Builds: make a dataset of recordings, as a recipe says, in three phases that can be resumed.

A module enters if it plans, runs, resumes or judges a build. What a workflow, a page or a dataset
is stands in the rooms below; all of these may be imported, but neither `etl.look` nor
`etl.publish`.
"""
