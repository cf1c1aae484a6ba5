"""What flows through stepmill: records, their Arrow schemas, and errors. No I/O, nothing of ours
imported.
"""
