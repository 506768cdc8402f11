"""Off-exchange volume of US equities: how much, how unusual, and an estimate of bought and sold.

FINRA does not publish trade direction for off-exchange volume. Bought and sold are inferred estimates.
"""

__version__ = "0.2.0"
