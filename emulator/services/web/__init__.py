"""What every impersonated web endpoint says, apart from the MSNP gateway: one module per exchange, one registry.

Not a socket and not a session: handlers are functions of a request and a scene.
"""
