"""Who a record is about: a person's key is the normalized e-mail, an account's the registrable domain."""

from __future__ import annotations

import re
from functools import cache, lru_cache

import idna
from email_validator import EmailNotValidError, validate_email
from tldextract import TLDExtract

from schemas.documents import Skip
from workers.core.data.free_mail import FREE_MAIL_DOMAINS

__all__ = ["FREE_MAIL_DOMAINS", "account_key", "lead_account_key", "person_key"]

REMEMBERED = 16_384
"""Recent answers kept, a few megabytes: checking an address takes 20 us, and a record comes back with each change."""

NO_EMAIL = Skip(reason="no_email")
NO_WEBSITE = Skip(reason="no_website")
INVALID_WEBSITE = Skip(reason="invalid_website", detail="no registrable domain")

PLAIN_ADDRESS = re.compile(r"[a-z0-9_+-]+(?:\.[a-z0-9_+-]+)*@((?!.*xn--)[a-z0-9.-]+)")
"""Nearly every address: valid and in its normal form if its domain is and the whole is not too long."""
ADDRESS_CHARACTERS = 254
"""RFC 3696, erratum 1690."""

SCHEME = re.compile(r"(?:https?:[/\\]*|(?:[a-z][a-z0-9+.-]*:)?[/\\]{2,})", re.IGNORECASE)
"""Also the slips of the pen: `http:/acme.com`, `http:acme.com`, `HTTP:\\\\acme.com`, `//acme.com`."""
HOST_END = re.compile(r"[/\\?#\s,;]")
PORT = re.compile(r":\d*\Z")


def person_key(email: object) -> str | Skip:
    """The e-mail in its one normal form; or why there is none.

    Special-use domains (RFC 6761) are invalid: a sandbox appends `.invalid` to every address, so that nobody is mailed.
    """
    if email is None or (isinstance(email, str) and not email.strip()):
        return NO_EMAIL
    if not isinstance(email, str):
        return Skip(reason="invalid_email", detail="not a text")
    return _normal_email(email.strip())


def account_key(website: object) -> str | Skip:
    """The registrable domain of a website as people write it, in lower-case ASCII; or why there is none.

    Suffixes are those of the Public Suffix List's ICANN section: `acme.github.io` belongs to github.io.
    """
    if website is None or (isinstance(website, str) and not website.strip()):
        return NO_WEBSITE
    if not isinstance(website, str):
        return Skip(reason="invalid_website", detail="not a text")
    return _registrable_domain(website.strip()) or INVALID_WEBSITE


def lead_account_key(website: object, person_key: str | None) -> str | None:
    """The company of a lead: by its website, else by an e-mail address that is not a free mailbox."""
    domain = account_key(website)
    if isinstance(domain, str):
        return domain
    if person_key is None:
        return None
    mail_domain = person_key.rpartition("@")[2]
    company = account_key(mail_domain)
    if isinstance(company, Skip) or not FREE_MAIL_DOMAINS.isdisjoint((mail_domain, company)):
        return None
    return company


@lru_cache(maxsize=REMEMBERED)
def _normal_email(email: str) -> str | Skip:
    # Lower case first: the library then composes (NFC) and checks what is kept. İ becomes two characters.
    lower = email.lower()
    plain = PLAIN_ADDRESS.fullmatch(lower) if len(lower) <= ADDRESS_CHARACTERS else None
    if plain and _is_domain(plain[1]):
        return lower
    try:
        return _validated(lower)
    except EmailNotValidError as error:
        return Skip(reason="invalid_email", detail=str(error))


@lru_cache(maxsize=REMEMBERED)
def _is_domain(domain: str) -> bool:
    """Nearly all of the work is the domain's, and colleagues share it."""
    try:
        return _validated(f"a@{domain}") == f"a@{domain}"
    except EmailNotValidError:
        return False


def _validated(email: str) -> str:
    return validate_email(email, check_deliverability=False).normalized


@lru_cache(maxsize=REMEMBERED)
def _registrable_domain(website: str) -> str | None:
    """The first host in the text decides: of `acme.com, acme.de` it is acme.com."""
    rest = website[match.end() :] if (match := SCHEME.match(website)) else website
    authority = HOST_END.split(rest, maxsplit=1)[0]
    host = PORT.sub("", authority.rpartition("@")[2])
    domain = _suffixes().extract_str(host).top_domain_under_public_suffix
    try:
        # UTS 46 mapping, as browsers do it: full-width letters and the like are folded before they are encoded.
        return idna.encode(domain, uts46=True).decode("ascii") if domain else None
    except idna.IDNAError:
        return None


@cache
def _suffixes() -> TLDExtract:
    """The list that comes with the library: no look-up, no cache on disk, the same answer everywhere."""
    return TLDExtract(suffix_list_urls=(), cache_dir=None)
