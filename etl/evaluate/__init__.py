"""Evaluation sets, predictions and scores: the benchmarks' own numbers, and ours beside them.

A family of protocols has facts (`etl.evaluate.facts`): all that scoring needs of a step, made once
of its page. Protocols (`etl.evaluate.protocols`) read facts and answers, and never a page. A
protocol enters with its class and one line in `etl.evaluate.protocols.known`.
"""
