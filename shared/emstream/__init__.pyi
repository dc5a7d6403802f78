"""Names of `import emstream`, for type checkers."""

from emstream.client.client import Client as Client
from emstream.version import __version__ as __version__
from emstream_standalone.segment import segment as segment
