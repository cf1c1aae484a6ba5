"""What a build leaves: its files, their places, and how they are read again.

Whatever more than one of `etl.build`, `etl.look`, `etl.publish` and `etl.card` must know of a
dataset and its work folder enters here. It imports files, pages and tokens, and knows neither
recipes nor sources.
"""
