"""`python -m reference_impl.gateway --config gateway.toml`."""

import sys

from reference_impl.gateway import main

sys.exit(main())
