"""Pools: ways to run a worker over items, in this process, in several, or on a cluster.

A pool takes a worker and items, and yields results as they come; what is written never depends on
the pool. Each way enters as one file. Pools import `etl.files` and `schemas`, and know no worker:
those are in `etl.build.tasks`.
"""
