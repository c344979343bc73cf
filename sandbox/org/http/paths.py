"""Where the surfaces of an org are, below its address."""

from __future__ import annotations

VERSION = "{version:v[0-9]+\\.[0-9]+}"
DATA = f"/services/data/{VERSION}"

ADMIN_PREFIX = "/__admin__"
#: Below this are pages for people; the rest of the admin paths answers programs.
ADMIN_PAGES = f"{ADMIN_PREFIX}/pages"
