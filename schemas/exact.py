"""Logarithm and exponential, correctly rounded, so that all machines give the same digits.

The functions of processors and C libraries differ in the last digits.
"""

from __future__ import annotations

from decimal import Context, Decimal
from typing import Final

_CONTEXT: Final = Context(prec=30)


def log(number: float) -> Decimal:
    """The natural logarithm of a number over 0, to 30 digits."""
    return _CONTEXT.ln(Decimal(number))


def exp(number: Decimal | float) -> Decimal:
    """The exponential of a number, to 30 digits."""
    return _CONTEXT.exp(Decimal(number))


def share(odds: Decimal, digits: int) -> float:
    """1 / (1 + odds), rounded to ``digits`` after the point."""
    whole = _CONTEXT.divide(Decimal(1), _CONTEXT.add(Decimal(1), odds))
    return float(whole.quantize(Decimal(1).scaleb(-digits, _CONTEXT), context=_CONTEXT))
