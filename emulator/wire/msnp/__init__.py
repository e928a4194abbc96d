"""MSNP: line grammar, notification server and switchboard, both ends. Not the HTTP gateway (wire/gateway)."""
