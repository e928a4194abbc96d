"""The lab on one Linux machine: inside, a real firewall and proxy, outside, each in a namespace (`lab.lab.Lab`).

Starts the emulator and the probe as processes and imports neither. Nothing is imported here, so that `requirements`
can be asked on systems where the rest cannot be loaded.
"""
