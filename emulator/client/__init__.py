"""A Messenger client over any transport: accounts, address books, notification server, switchboards, transfers.

Not a socket owner and not a reactor: whoever uses it hands in a `network.Network`.
"""
