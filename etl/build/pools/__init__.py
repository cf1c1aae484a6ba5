"""Pools: ways to run a worker over items, which differ in where and in nothing that is written.

A pool takes a worker and items, and gives results as they come; `etl.build.tasks` has the workers.
Each way is one file.
"""
