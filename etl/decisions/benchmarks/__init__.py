"""Benchmarks of web agents: their files, and registries of hashes of their tasks."""
