"""The pipeline: sources, stages, execution, statistics, command line."""
