"""Write the generated files, or check that they are current: `python -m metadata.codegen [--check]`."""

import sys

from metadata.codegen.generate import main

sys.exit(main())
