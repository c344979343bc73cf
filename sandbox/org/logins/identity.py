"""Who a user is: the `userinfo` and identity documents, key by key as recorded."""

from __future__ import annotations

from sandbox.org.logins.scopes import SCOPE_LABELS
from sandbox.org.store.org import Org, Row

# What `userinfo` answers.
_CLAIMS = (
    *("sub", "user_id", "organization_id", "preferred_username", "nickname", "name", "email", "email_verified"),
    *("given_name", "family_name", "zoneinfo", "photos", "profile", "picture", "address", "urls", "active"),
    *("user_type", "language", "locale", "utcOffset", "updated_at"),
)
_UTC_OFFSET_MS = -28_800_000  # America/Los_Angeles, as recorded


def userinfo(org: Org, user_id: str, base_url: str) -> dict[str, object]:
    """`GET /services/oauth2/userinfo`."""
    user = _user(org, user_id)
    return {
        "sub": f"{base_url}/id/{org.organization_id}/{user_id}",
        "user_id": user_id,
        "organization_id": org.organization_id,
        "preferred_username": user.get("Username"),
        "nickname": user.get("Alias"),
        "name": user.get("Name"),
        "email": user.get("Email"),
        "email_verified": True,
        "given_name": user.get("FirstName"),
        "family_name": user.get("LastName"),
        "zoneinfo": user.get("TimeZoneSidKey"),
        "photos": _photos(base_url),
        "profile": f"{base_url}/{user_id}",
        "picture": _photos(base_url)["picture"],
        "address": {},
        "is_salesforce_integration_user": False,
        "urls": _urls(org, user_id, base_url),
        "active": bool(user.get("IsActive")),
        **_locale(user),
        "updated_at": str(user.get("LastModifiedDate")).removesuffix(".000+0000") + "Z",
    }


def identity(org: Org, user_id: str, base_url: str, version: str | None) -> dict[str, object]:
    """`GET /id/<org>/<user>`; `version` (a number or "latest") fills the `{version}` of the URLs."""
    user = _user(org, user_id)
    number = org.config.newest_api_version if version == "latest" else version
    return {
        "id": f"{base_url}/id/{org.organization_id}/{user_id}",
        "asserted_user": True,
        "user_id": user_id,
        "organization_id": org.organization_id,
        "username": user.get("Username"),
        "nick_name": user.get("Alias"),
        "display_name": user.get("Name"),
        "email": user.get("Email"),
        "email_verified": True,
        "first_name": user.get("FirstName"),
        "last_name": user.get("LastName"),
        "timezone": user.get("TimeZoneSidKey"),
        "photos": _photos(base_url),
        **dict.fromkeys(("addr_street", "addr_city", "addr_state", "addr_country", "addr_zip", "mobile_phone")),
        "mobile_phone_verified": False,
        "is_lightning_login_user": False,
        "status": {"created_date": None, "body": None},
        "urls": _urls(org, user_id, base_url, number or "{version}"),
        "active": bool(user.get("IsActive")),
        **_locale(user),
        "last_modified_date": user.get("LastModifiedDate"),
        "is_app_installed": True,
    }


def _user(org: Org, user_id: str) -> Row:
    user = org.get("User", user_id)
    if user is None:
        raise LookupError(f"no user {user_id}")
    return user


def _locale(user: Row) -> dict[str, object]:
    return {
        "user_type": str(user.get("UserType", "Standard")).upper(),
        "language": user.get("LanguageLocaleKey"),
        "locale": user.get("LocaleSidKey"),
        "utcOffset": _UTC_OFFSET_MS,
    }


def _photos(base_url: str) -> dict[str, str]:
    return {"picture": f"{base_url}/profilephoto/005/F", "thumbnail": f"{base_url}/profilephoto/005/T"}


def _urls(org: Org, user_id: str, base_url: str, version: str = "{version}") -> dict[str, str]:
    soap, data = f"{base_url}/services/Soap", f"{base_url}/services/data/v{version}"
    organization = org.organization_id[:15]
    return {
        "enterprise": f"{soap}/c/{version}/{organization}",
        "metadata": f"{soap}/m/{version}/{organization}",
        "partner": f"{soap}/u/{version}/{organization}",
        "rest": f"{data}/",
        "sobjects": f"{data}/sobjects/",
        "search": f"{data}/search/",
        "query": f"{data}/query/",
        "recent": f"{data}/recent/",
        "tooling_soap": f"{soap}/T/{version}/{organization}",
        "tooling_rest": f"{data}/tooling/",
        "profile": f"{base_url}/{user_id}",
        "feeds": f"{data}/chatter/feeds",
        "groups": f"{data}/chatter/groups",
        "users": f"{data}/chatter/users",
        "feed_items": f"{data}/chatter/feed-items",
        "feed_elements": f"{data}/chatter/feed-elements",
        "custom_domain": base_url,
    }


def discovery(base_url: str) -> dict[str, object]:
    """`GET /.well-known/openid-configuration`. Dynamic registration is not offered."""
    oauth = f"{base_url}/services/oauth2"
    return {
        "issuer": base_url,
        "authorization_endpoint": f"{oauth}/authorize",
        "token_endpoint": f"{oauth}/token",
        "revocation_endpoint": f"{oauth}/revoke",
        "userinfo_endpoint": f"{oauth}/userinfo",
        "jwks_uri": f"{base_url}/id/keys",
        "introspection_endpoint": f"{oauth}/introspect",
        "scopes_supported": list(SCOPE_LABELS),
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "display_values_supported": ["page", "popup", "touch"],
        "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic", "private_key_jwt"],
        "claims_supported": list(_CLAIMS),
    }
