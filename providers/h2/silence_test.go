package h2

import (
)


