"""``python -m tenantry.broker``."""

import sys

from tenantry.broker.process import main

sys.exit(main())
