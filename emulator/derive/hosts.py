"""The catalog's names as a hosts file, for machines that cannot be given another name server.

Not a full substitute: a hosts file has no wildcards, so only the known host names resolve.
"""

from __future__ import annotations

from collections.abc import Mapping

from emulator.catalog.model import Catalog


def hosts_file(catalog: Catalog, addresses: Mapping[str, str]) -> str:
    """Text in the format of hosts(5): one line per host name, in catalog order.

    One name per line, because some systems read only the first few names of a line.
    Raises KeyError when a host name has no address.
    """
    width = max(len(address) for address in addresses.values()) + 2
    lines = [f"{addresses[name]:<{width}}{name}" for name in catalog.host_names]
    return "\n".join(("# Host names of the Messenger network, played by messenger-lab.", *lines, ""))
