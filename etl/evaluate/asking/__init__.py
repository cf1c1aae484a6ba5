"""A model is asked every prompt of a set: by one client, several at a time, nothing twice."""
