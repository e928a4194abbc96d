"""messenger-lab: proves what a firewall or proxy does to Windows Live Messenger traffic.

Not a messenger: the service is impersonated so that devices under test can be judged.
"""

__version__ = "0.1.0"
