"""What people read on a terminal or in a log: messages, progress, tables, counts in words.

Text for people enters here, whatever it is about. It imports nothing of ours but `schemas`.
"""
