"""Facts: what scoring needs of a step, made once of its page; a module a family of protocols.

Each module has a frozen dataclass ``Facts`` and the functions that make it of what was recorded;
`etl.evaluate.facts.known` writes facts as JSON and reads them.
"""
