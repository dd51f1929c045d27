"""`python -m reference_impl.gateway --config gateway.toml`."""

import sys

from .main import main

sys.exit(main())
