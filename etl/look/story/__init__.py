"""The story of one record, workflow, step or sample: what became of it, and why."""
