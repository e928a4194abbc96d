"""The documented tables as typed, frozen facts. The only place that names a documented port, host or URL."""

from emulator.catalog.load import load
from emulator.catalog.model import Catalog, Clause, Endpoint, Exchange, Feature, Host

__all__ = ["Catalog", "Clause", "Endpoint", "Exchange", "Feature", "Host", "load"]
