"""OAuth scopes, and what the consent page says about them."""

from __future__ import annotations

_WHO = "Access the identity URL service"
_AT_ANY_TIME = "Perform requests at any time"

SCOPE_LABELS = {
    "id": _WHO,
    "profile": _WHO,
    "email": _WHO,
    "address": _WHO,
    "phone": _WHO,
    "openid": "Access unique user identifiers",
    "api": "Manage user data via APIs",
    "web": "Manage user data via Web browsers",
    "full": "Full access",
    "visualforce": "Access Visualforce applications",
    "chatter_api": "Access Connect REST API resources",
    "custom_permissions": "Access custom permissions",
    "refresh_token": _AT_ANY_TIME,
    "offline_access": _AT_ANY_TIME,
    "pardot_api": "Manage Pardot services",
    "cdp_api": "Manage Data Cloud data",
    "wave_api": "Access Analytics REST API resources",
    "content": "Access content resources",
    "lightning": "Access Lightning applications",
    "sfap_api": "Access the Salesforce API Platform",
}
