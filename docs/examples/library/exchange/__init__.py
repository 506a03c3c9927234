"""Convert money at today's rates.

>>> rates = Rates({"EUR": "1", "USD": "1.10"})
>>> rates.convert("20", "EUR", "USD")
Decimal('22.00')
"""

from exchange.rates import Rates, UnknownCurrency, load

__all__ = ["Rates", "UnknownCurrency", "load"]
