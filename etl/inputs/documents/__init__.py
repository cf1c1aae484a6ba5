"""Recordings that are no file of records: folders of files, and pages that are put together.

What several sources need for these enters; nothing here knows a format.
"""
