"""Local stand-ins of the data vendors, for running the unmodified command without a network.

`Vendors` is the whole of it: a loopback proxy that ends TLS and answers for FINRA, Yahoo and Polygon. A program reaches
it through environment variables alone (HTTPS_PROXY and a certificate bundle), so nothing in the program is patched.
"""

from .faults import Fault, Faults, Kind
from .finra import Finra, regsho_file
from .finra_api import FinraApi, weekly_rows
from .newyork import moment, nanoseconds
from .polygon import Polygon
from .proxy import Answer, Request
from .vendors import Vendors
from .yahoo import Yahoo

__all__ = [
    "Answer",
    "Fault",
    "Faults",
    "Finra",
    "FinraApi",
    "Kind",
    "Polygon",
    "Request",
    "Vendors",
    "Yahoo",
    "moment",
    "nanoseconds",
    "regsho_file",
    "weekly_rows",
]
