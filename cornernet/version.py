"""The version of the package, and that of what plug-ins rely on (docs/plugins.md), written here alone."""

__version__ = "0.1.0"
PLUGINS = 1  # one more where a signature that docs/plugins.md calls stable changes
