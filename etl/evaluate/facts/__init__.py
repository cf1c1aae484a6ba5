"""Facts: what scoring needs of a step, made once of its page; a module a family of protocols.

Each module has a frozen dataclass ``Facts`` that goes to JSON and back (`etl.evaluate.facts.text`),
and the functions that make it of what was recorded.
"""
