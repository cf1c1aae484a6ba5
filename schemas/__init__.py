"""What flows through stepmill: records, their Arrow schemas, the reasons for drops, and errors.

A type enters if several rooms pass it to each other, and a word if it is stored or shown in more
than one. Nothing here does I/O, and nothing of ours is imported.
"""
