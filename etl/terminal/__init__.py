"""What people read on a terminal or in a log: messages, progress, tables, counts in words.

How text is shown to people enters here; what it says belongs to the room that says it. It imports
nothing of ours but `schemas`.
"""
