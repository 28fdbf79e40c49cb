"""The commands of ``spaceaudit``, one subject a module; each registers itself with ``register``."""
