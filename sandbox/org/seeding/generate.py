"""Seeded data with the dirt of a real CRM. The same seed gives the same rows: no wall clock, no global randomness.

Rates are close to what CRM clean-up reports call normal; they are constants here so that a reader sees them.
"""

from __future__ import annotations

import random
import re
import unicodedata
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from sandbox.org.seeding import samples
from sandbox.org.seeding.pools import pools
from sandbox.org.seeding.samples import Row

NO_EMAIL_CONTACTS = 0.05
NO_EMAIL_LEADS = 0.08
NO_WEBSITE_ACCOUNTS = 0.06
UNUSABLE_WEBSITE_ACCOUNTS = 0.01
SHARED_DOMAIN_ACCOUNTS = 0.03
NO_ACCOUNT_CONTACTS = 0.06
SHARED_EMAIL_CONTACTS = 0.02
LEADS_OF_KNOWN_COMPANIES = 0.15
LEADS_THAT_ARE_CONTACTS = 0.10
PLACEHOLDER_COMPANY_LEADS = 0.04
NON_ASCII_NAMES = 0.12
ODD_TEXTS = 0.04

_COUNTRIES = ("United States", "USA", "Germany", "France", "United Kingdom", "Spain", "Sweden", "Poland", "Turkey",
              "Japan", "India", "Brazil")  # fmt: skip
_COMPANY_SUFFIXES = ("Inc", "LLC", "Group", "Ltd.", "GmbH", "S.A.", "PLC", "Søn A/S", "& Co. KG", "株式会社")
_TLDS = (".com", ".com", ".com", ".net", ".io", ".co.uk", ".de", ".fr")
_FREE_MAIL = ("gmail.com", "yahoo.com", "outlook.com")
_INDUSTRIES = ("Technology", "Banking", "Consulting", "Education", "Electronics", "Energy", "Finance", "Healthcare",
               "Insurance", "Manufacturing", "Media", "Retail", "Telecommunications", "Utilities", "Other")  # fmt: skip
_ACCOUNT_TYPES = ("Prospect", "Customer - Direct", "Customer - Channel", "Channel Partner / Reseller",
                  "Technology Partner", "Other")  # fmt: skip
_SOURCES = ("Web", "Phone Inquiry", "Partner Referral", "Purchased List", "Other")
_RATINGS = ("Hot", "Warm", "Cold", None)
_STATUSES = ("Open - Not Contacted", "Open - Not Contacted", "Working - Contacted", "Closed - Not Converted")
_DEPARTMENTS = ("Marketing", "Sales", "Finance", "Engineering", "Operations", "Human Resources", "Legal", None)
_TITLES = (
    "VP, Marketing", "SVP, Operations", "Vice President of Sales", "Chief Marketing Officer", "Chief Financial Officer",
    "CEO", "CTO", "Director of Marketing", "Director, IT", "Marketing Manager", "Account Executive", "Analyst",
    "Software Engineer", "Consultant", "Buyer", None,
)  # fmt: skip
#: Values that trip naive escaping: CSV, SOQL, MongoDB operators and paths, spreadsheets, encodings.
ODD_TITLES = (
    "$100 off", "$$ROOT", "$set", "a.b.c", 'Head, "Special" Projects', "O'Neil's deputy", "VP; Sales|Ops",
    "50 % + tax", "C:\\temp\\x", "=SUM(A1:A2)", "Übersetzerin (m/w/d)", "営業部長",
    "🚀 Growth lead", "null", "N/A",
    "  padded title  ",
)  # fmt: skip
ODD_DESCRIPTIONS = (
    "First line\nsecond line", 'He said "call back", twice', "comma, comma; semicolon", "$lookup.$where", "tab\there",
    "Straße 1\nÖsterreich", "trailing comma,", '""', "a 'single' quote",
)  # fmt: skip
PLACEHOLDER_COMPANIES = ("[not provided]", "-", "n/a")


@dataclass(slots=True)
class Dataset:
    """Rows ready to load; `contact_accounts[i]` is the index of contact i's account, or None."""

    accounts: list[Row] = field(default_factory=list)
    contacts: list[Row] = field(default_factory=list)
    contact_accounts: list[int | None] = field(default_factory=list)
    leads: list[Row] = field(default_factory=list)


def generate(seed: int, contacts: int, leads: int, accounts: int) -> Dataset:
    """All rows at once; see `Generation`."""
    generation = Generation(seed)
    data = Dataset(accounts=list(generation.accounts(accounts)))
    for row, account in generation.contacts(contacts):
        data.contacts.append(row)
        data.contact_accounts.append(account)
    data.leads = list(generation.leads(leads))
    return data


class Generation:
    """Sample data plus generated rows, one by one: a million of them are no sooner here than they are stored.

    To be asked for accounts, then contacts, then leads, which collide with what came before. The numbers are totals, 0
    means none of that object; a total below the number of sample rows gives the samples.
    """

    def __init__(self, seed: int) -> None:
        self._seed = seed
        self._accounts = 0

    @cached_property
    def _maker(self) -> _Maker:
        """Made when there is something to make: its pools take a second."""
        return _Maker(self._seed)

    def accounts(self, total: int) -> Iterator[Row]:
        first = samples.accounts() if total else []
        self._accounts = max(total, len(first))
        yield from first
        for _ in range(total - len(first)):
            yield self._maker.account()

    def contacts(self, total: int) -> Iterator[tuple[Row, int | None]]:
        """Each with the index of its account."""
        first = samples.contacts() if total else []
        for row, account in first:
            yield row, account if self._accounts else None
        for _ in range(total - len(first)):
            account_index = self._maker.pick_account(self._accounts)
            yield self._maker.contact(account_index), account_index

    def leads(self, total: int) -> Iterator[Row]:
        first = samples.leads() if total else []
        yield from first
        for _ in range(total - len(first)):
            yield self._maker.lead()


class _Maker:
    """Draws rows; remembers domains and addresses so that later rows can collide with earlier ones."""

    def __init__(self, seed: int) -> None:
        self._rng = random.Random(seed)
        self._pools = pools(seed)
        self._domains: list[str | None] = [None] * len(samples.accounts())
        self._taken: set[str] = set()
        self._contact_emails: list[str] = []

    def account(self) -> Row:
        name = self._company()
        domain = self._domain(name, shared=SHARED_DOMAIN_ACCOUNTS)
        self._domains.append(domain)
        rng = self._rng
        row: Row = {
            "Name": name,
            "AccountNumber": f"CD{rng.randrange(10**6):06d}",
            "Website": self._website(domain),
            "Type": rng.choice(_ACCOUNT_TYPES),
            "Industry": rng.choice(_INDUSTRIES),
            "Rating": rng.choice(_RATINGS),
            "AnnualRevenue": self._amount(),
            "NumberOfEmployees": int(10 ** rng.uniform(0.5, 5)),
            "Phone": self._phone("(%03d) %03d-%04d"),
            "Active__c": rng.choice(("Yes", "No", None)),
            "CustomerPriority__c": rng.choice(("High", "Medium", "Low", None)),
            "SLA__c": rng.choice(("Gold", "Silver", "Platinum", "Bronze", None)),
            "SLAExpirationDate__c": self._day(2025, 2027) if rng.random() < 0.5 else None,
            "Description": self._description(),
        }
        return _without_empty(row | self._address("Billing"))

    def pick_account(self, count: int) -> int | None:
        """Skewed towards the first accounts, so that some have many contacts and others none."""
        if not count or self._rng.random() < NO_ACCOUNT_CONTACTS:
            return None
        return int(count * self._rng.random() ** 1.5)

    def contact(self, account_index: int | None) -> Row:
        first_name, last_name = self._person()
        rng = self._rng
        domain = self._domains[account_index] if account_index is not None else None
        email = self._contact_email(first_name, last_name, domain)
        row: Row = {
            "Salutation": rng.choice(("Mr.", "Ms.", "Dr.", None, None)),
            "FirstName": first_name if rng.random() > 0.02 else None,
            "LastName": last_name,
            "Email": email,
            "Title": self._title(),
            "Department": rng.choice(_DEPARTMENTS),
            "LeadSource": rng.choice((*_SOURCES, None)),
            "Phone": self._phone("+1 %03d-%03d-%04d"),
            "HasOptedOutOfEmail": rng.random() < 0.06,
            "Birthdate": self._day(1955, 2004) if rng.random() < 0.2 else None,
            "Level__c": rng.choice(("Primary", "Secondary", "Tertiary", None)),
            "Description": self._description(),
        }
        return _without_empty(row | self._address("Mailing"))

    def lead(self) -> Row:
        first_name, last_name = self._person()
        rng = self._rng
        company = self._company()
        domain = self._domain(company, shared=LEADS_OF_KNOWN_COMPANIES)
        row: Row = {
            "Salutation": rng.choice(("Mr.", "Ms.", None)),
            "FirstName": first_name,
            "LastName": last_name,
            "Company": rng.choice(PLACEHOLDER_COMPANIES) if rng.random() < PLACEHOLDER_COMPANY_LEADS else company,
            "Email": self._lead_email(first_name, last_name, domain),
            "Website": self._website(domain) if rng.random() < 0.5 else None,
            "Title": self._title(),
            "Status": rng.choice(_STATUSES),
            "Rating": rng.choice(_RATINGS),
            "LeadSource": rng.choice(_SOURCES),
            "Industry": rng.choice((*_INDUSTRIES, None)),
            "AnnualRevenue": self._amount() if rng.random() < 0.7 else None,
            "NumberOfEmployees": rng.choice((5, 42, 250, 1_800, 25_000, None)),
            "IsUnreadByOwner": rng.random() < 0.6,
            "Description": self._description(),
        }
        return _without_empty(row | self._address(""))

    def _company(self) -> str:
        """Named after founders, as Faker does it."""
        first, second, third = (self._rng.choice(self._pools.names)[1] for _ in range(3))
        form = self._rng.choice(("{0}-{1}", "{0}, {1} and {2}", "{0} {suffix}", "{0} & {1} {suffix}"))
        return form.format(first, second, third, suffix=self._rng.choice(_COMPANY_SUFFIXES))

    def _person(self) -> tuple[str, str]:
        names = self._pools.other_names if self._rng.random() < NON_ASCII_NAMES else self._pools.names
        return self._rng.choice(names)[0], self._rng.choice(names)[1]

    def _domain(self, company: str, shared: float) -> str:
        """A new domain, or with the probability `shared` one that an account has already."""
        rng = self._rng
        known = rng.choice(self._domains)
        if known is not None and rng.random() < shared:
            return known
        stem, tld = _slug(company), rng.choice(_TLDS)
        domain = stem + tld
        while domain in self._taken:
            domain = f"{stem}{rng.randrange(10_000)}{tld}"
        self._taken.add(domain)
        return domain

    def _website(self, domain: str) -> str | None:
        draw = self._rng.random()
        if draw < NO_WEBSITE_ACCOUNTS:
            return None
        if draw < NO_WEBSITE_ACCOUNTS + UNUSABLE_WEBSITE_ACCOUNTS:
            return self._rng.choice(("n/a", "none", "http://", "localhost", "www"))
        return self._rng.choice(WEBSITE_FORMS)(domain)

    def _contact_email(self, first_name: str, last_name: str, domain: str | None) -> str | None:
        draw = self._rng.random()
        if draw < NO_EMAIL_CONTACTS:
            return None
        if self._contact_emails and draw < NO_EMAIL_CONTACTS + SHARED_EMAIL_CONTACTS:
            return self._rewrite(self._rng.choice(self._contact_emails))
        email = self._email(first_name, last_name, domain)
        self._contact_emails.append(email)
        return email

    def _lead_email(self, first_name: str, last_name: str, domain: str) -> str | None:
        draw = self._rng.random()
        if draw < NO_EMAIL_LEADS:
            return None
        if self._contact_emails and draw < NO_EMAIL_LEADS + LEADS_THAT_ARE_CONTACTS:
            return self._rewrite(self._rng.choice(self._contact_emails))
        return self._email(first_name, last_name, domain)

    def _email(self, first_name: str, last_name: str, domain: str | None) -> str:
        rng = self._rng
        host = domain if domain and rng.random() > 0.05 else rng.choice(_FREE_MAIL)
        local = f"{_slug(first_name)}.{_slug(last_name)}{rng.choice(('', '', str(rng.randrange(1000))))}"
        return self._rewrite(f"{local}@{host}")

    def _rewrite(self, email: str) -> str:
        """Salesforce trims e-mails but keeps their case."""
        draw = self._rng.random()
        if draw < 0.05:
            return email.upper()
        return email.title() if draw < 0.08 else email

    def _title(self) -> str | None:
        return self._rng.choice(ODD_TITLES if self._rng.random() < ODD_TEXTS else _TITLES)

    def _description(self) -> str | None:
        draw = self._rng.random()
        if draw < ODD_TEXTS:
            return self._rng.choice(ODD_DESCRIPTIONS)
        return self._rng.choice(self._pools.slogans) if draw < 0.2 else None

    def _phone(self, form: str) -> str:
        return form % (self._rng.randrange(200, 999), self._rng.randrange(200, 999), self._rng.randrange(10_000))

    def _day(self, first_year: int, last_year: int) -> str:
        rng = self._rng
        return f"{rng.randint(first_year, last_year)}-{rng.randint(1, 12):02d}-{rng.randint(1, 28):02d}"

    def _amount(self) -> float:
        return float(int(10 ** self._rng.uniform(5, 9.5)) // 1000 * 1000)

    def _address(self, prefix: str) -> Row:
        if self._rng.random() < 0.15:
            return {}
        street = self._rng.choice(self._pools.streets)
        city, state, postal_code = self._rng.choice(self._pools.cities)
        return {
            f"{prefix}Street": street if self._rng.random() > 0.1 else f'{street}\nBuilding "C", floor 2',
            f"{prefix}City": city,
            f"{prefix}State": state if self._rng.random() < 0.7 else None,
            f"{prefix}PostalCode": postal_code,
            f"{prefix}Country": self._rng.choice(_COUNTRIES),
        }


#: How people write the domain of a website.
WEBSITE_FORMS: Sequence[Callable[[str], str]] = (
    lambda domain: f"http://www.{domain}",
    lambda domain: f"https://{domain}",
    lambda domain: f"www.{domain}",
    lambda domain: domain,
    lambda domain: domain.upper(),
    lambda domain: f"HTTPS://WWW.{domain.upper()}/",
    lambda domain: f"http://{domain}/en/about-us/index.html?ref=crm&x=1#team",
    lambda domain: f"https://shop.{domain}/",
    lambda domain: f"  https://{domain}  ",
    lambda domain: f"http://{domain}:8080",
)


def _slug(text: str) -> str:
    ascii_text = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "", ascii_text.lower()) or "x"


def _without_empty(row: Row) -> Row:
    return {name: value for name, value in row.items() if value is not None}
