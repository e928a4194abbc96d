"""The lab's certificates: a name-constrained root, leaves on demand, a revocation list, TLS contexts for both ends.

Not a public authority, and no protection for anything that matters.
"""

from emulator.pki.authority import Authority
from emulator.pki.place import locate
from emulator.pki.store import CertificateError
from emulator.pki.tls import TlsContexts, client_context
from emulator.pki.trust import judge_chain

__all__ = ["Authority", "CertificateError", "TlsContexts", "client_context", "judge_chain", "locate"]
