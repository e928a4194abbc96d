"""Raises the soft limit on open files to the hard one: a survey and its far end need a few thousand sockets."""

from __future__ import annotations


def raise_limit() -> int:
    """Returns the limit now in force; 0 where the system has none to raise (Windows)."""
    try:
        import resource
    except ImportError:
        return 0
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        return hard
    return soft
