"""The accounts, contacts and leads that every Developer Edition org starts with.

Values are those of recorded orgs, spelling mistakes included. Leads with a "Closed - Converted" status are not
converted (IsConverted is false in the recording).
"""

from __future__ import annotations

from collections.abc import Sequence

Row = dict[str, object]

_DIRECT, _CHANNEL = "Customer - Direct", "Customer - Channel"
_ACCOUNT_COLUMNS = (
    "Name", "AccountNumber", "Industry", "Type", "Website", "BillingCity", "BillingState", "BillingCountry",
    "Rating", "AnnualRevenue", "NumberOfEmployees", "Ownership", "TickerSymbol", "Phone",
)  # fmt: skip
_ACCOUNTS: tuple[tuple[object, ...], ...] = (
    ("Edge Communications", "CD451796", "Electronics", _DIRECT, "http://edgecomm.com", "Austin", "TX", "United States",
     "Hot", 139_000_000.0, 1_000, "Public", "EDGE", "(512) 757-6000"),
    ("Burlington Textiles Corp of America", "CD656092", "Apparel", _DIRECT, "www.burlington.com", "Burlington", "NC",
     "USA", "Warm", 350_000_000.0, 9_000, "Public", "BTXT", "(336) 222-7000"),
    ("Pyramid Construction Inc.", "CC213425", "Construction", _CHANNEL, "www.pyramid.com", "Paris", None, "France",
     None, 950_000_000.0, 2_680, "Public", "PYR", "(014) 427-4427"),
    ("Dickenson plc", "CC634267", "Consulting", _CHANNEL, "dickenson-consulting.com", "Lawrence", "KS", "USA",
     None, 50_000_000.0, 120, "Private", None, "(785) 241-6200"),
    ("Grand Hotels & Resorts Ltd", "CD439877", "Hospitality", _DIRECT, "www.grandhotels.com", "Chicago", "IL",
     "United States", "Warm", 500_000_000.0, 5_600, "Public", "GHTL", "(312) 596-1000"),
    ("United Oil & Gas Corp.", "CD355118", "Energy", _DIRECT, "http://www.uos.com", "New York", "NY", "United States",
     "Hot", 5_600_000_000.0, 145_000, "Public", "UOS", "(212) 842-5500"),
    ("Express Logistics and Transport", "CC947211", "Transportation", _CHANNEL, "www.expressl&t.net", "Portland", "OR",
     "United States", "Cold", 950_000_000.0, 12_300, "Public", "EXLT", "(503) 421-7800"),
    ("University of Arizona", "CD736025", "Education", _DIRECT, "www.universityofarizona.com", "Tucson", "AZ",
     "United States", "Warm", None, 39_000, "Other", None, "(520) 773-9050"),
    ("United Oil & Gas, UK", "CD355119-A", "Energy", _DIRECT, "http://www.uos.com", None, "UK", None,
     None, None, 24_000, "Public", "UOS", "+44 191 4956203"),
    ("United Oil & Gas, Singapore", "CD355120-B", "Energy", _DIRECT, "http://www.uos.com", "Singapore", "Singapore",
     None, None, None, 3_000, "Public", "UOS", "(650) 450-8810"),
    ("GenePoint", "CC978213", "Biotechnology", _CHANNEL, "www.genepoint.com", "Mountain View", "CA", "United States",
     "Cold", 30_000_000.0, 265, "Private", None, "(650) 867-3450"),
    ("sForce", None, None, None, "www.sforce.com", "San Francisco", "CA", "US",
     None, None, None, None, None, "(415) 901-7000"),
    ("Sample Account for Entitlements", *(None,) * 13),
)  # fmt: skip

# The last column is the index of the account in _ACCOUNTS.
_CONTACT_COLUMNS = ("FirstName", "LastName", "Title", "Email", "Department")
_CONTACTS: tuple[tuple[str, str, str | None, str | None, str | None, int], ...] = (
    ("Rose", "Gonzalez", "SVP, Procurement", "rose@edge.com", "Procurement", 0),
    ("Sean", "Forbes", "CFO", "sean@edge.com", "Finance", 0),
    ("Jack", "Rogers", "VP, Facilities", "jrogers@burlington.com", None, 1),
    ("Pat", "Stumuller", "SVP, Administration and Finance", "pat@pyramid.net", "Finance", 2),
    ("Andy", "Young", "SVP, Operations", "a_young@dickenson.com", "Internal Operations", 3),
    ("Tim", "Barr", "SVP, Administration and Finance", "barr_tim@grandhotels.com", "Finance", 4),
    ("John", "Bond", "VP, Facilities", "bond_john@grandhotels.com", "Facilities", 4),
    ("Stella", "Pavlova", "SVP, Production", "spavlova@uog.com", "Production", 5),
    ("Lauren", "Boyle", "SVP, Technology", "lboyle@uog.com", "Technology", 5),
    ("Arthur", "Song", "CEO", "asong@uog.com", "Executive Team", 5),
    ("Avi", "Green", "CFO", "agreen@uog.com", "Finance", 5),
    ("Babara", "Levy", "SVP, Operations", "b.levy@expressl&t.net", "Operations", 6),
    ("Josh", "Davis", "Director, Warehouse Mgmt", "j.davis@expressl&t.net", "Warehouse Mgmt", 6),
    ("Jane", "Grey", "Dean of Administration", "jane_gray@uoa.edu", "Administration", 7),
    ("Ashley", "James", "VP, Finance", "ajames@uog.com", "Finance", 8),
    ("Tom", "Ripley", "Regional General Manager", "tripley@uog.com", "Executive Team", 9),
    ("Liz", "D'Cruz", "VP, Production", "ldcruz@uog.com", "Production", 9),
    ("Edna", "Frank", "VP, Technology", "efrank@genepoint.com", "Technology", 10),
    ("Siddartha", "Nedaerk", None, None, None, 11),
    ("Jake", "Llorrac", None, None, None, 11),
)
_EDGE = "313 Constitution Place\nAustin, TX 78767\nUSA"
_GRAND = "2335 N. Michigan Avenue, Suite 1500\nChicago, IL 60601\nUSA"
_UNITED = "1301 Avenue of the Americas\nNew York, NY 10019\nUSA"
_EXPRESS = "620 SW 5th Avenue Suite 400\nPortland, Oregon 97204\nUnited States"
_SINGAPORE = "10 Tagore Lane\nSingapore, Singapore 787472\nSingapore"
# Most contacts hold the whole address in the street, with line breaks and no city.
_WHOLE_ADDRESS: dict[str, str] = {
    "Gonzalez": _EDGE, "Forbes": _EDGE, "Barr": _GRAND, "Bond": _GRAND,
    "Pavlova": _UNITED, "Boyle": _UNITED, "Song": _UNITED, "Green": _UNITED,
    "Levy": _EXPRESS, "Davis": _EXPRESS,
    "Grey": "888 N Euclid\nHallis Center, Room 501\nTucson, AZ 85721\nUnited States",
    "James": "Kings Park, 17th Avenue, Team Valley Trading Estate,\nGateshead, Tyne and Wear NE26 3HS\nUnited Kingdom",
    "Ripley": _SINGAPORE, "D'Cruz": _SINGAPORE, "Frank": "345 Shoreline Park\nMountain View, CA 94043\nUSA",
}  # fmt: skip
_PARTED_ADDRESS: dict[str, tuple[str | None, ...]] = {
    "Stumuller": ("2 Place Jussieu", "Paris", None, "75251", "France"),
    "Young": ("1301 Hoch Drive", "Lawrence", "KS", "66045", "USA"),
    "Rogers": ("525 S. Lexington Ave", "Burlington", "NC", "27215", "USA"),
    "Nedaerk": ("The Landmark @ One Market", "San Francisco", "CA", "94087", "US"),
}
_MAILING = ("MailingStreet", "MailingCity", "MailingState", "MailingPostalCode", "MailingCountry")

_OPEN, _WORKING = "Open - Not Contacted", "Working - Contacted"
_CONVERTED, _LOST = "Closed - Converted", "Closed - Not Converted"
_WEB, _PHONE, _PARTNER, _LIST = "Web", "Phone Inquiry", "Partner Referral", "Purchased List"
_LEAD_COLUMNS = ("Salutation", "FirstName", "LastName", "Title", "Company", "State", "Country", "Email", "LeadSource",
                 "Status")  # fmt: skip
_LEADS: tuple[tuple[str | None, ...], ...] = (
    ("Ms.", "Bertha", "Boxer", "Director of Vendor Relations", "Farmers Coop. of Florida", "FL", "USA",
     "bertha@fcof.net", _WEB, _WORKING),
    ("Ms", "Phyllis", "Cotton", "CFO", "Abbott Insurance", "VA", "USA", "pcotton@abbottins.net", _WEB, _OPEN),
    ("Mr", "Jeff", "Glimpse", "SVP, Procurement", "Jackson Controls", None, "Taiwan", "jeffg@jackson.com", _PHONE,
     _OPEN),
    ("Mr", "Mike", "Braund", "VP, Technology", "Metropolitan Health Services", "MD", "USA", "likeb@metro.com", _LIST,
     _OPEN),
    ("Ms", "Patricia", "Feager", "CEO", "International Shipping Co.", "NC", "USA", "patricia_feager@is.com", _PARTNER,
     _WORKING),
    ("Ms", "Brenda", "Mcclure", "CFO", "Cadinal Inc.", "IL", "USA", "brenda@cardinal.net", _WEB, _WORKING),
    ("Ms", "Violet", "Maccleod", "VP, Finance", "Emerson Transport", "GA", "USA", "violetm@emersontransport.com",
     _PHONE, _WORKING),
    ("Ms", "Kathy", "Snyder", "Regional General Manager", "TNR Corp.", "CT", "USA", "ksynder@tnr.net", _LIST,
     _WORKING),
    ("Mr", "Tom", "James", "SVP, Production", "Delphi Chemicals", "MN", "USA", "tom.james@delphi.chemicals.com", _WEB,
     _WORKING),
    ("Ms", "Shelly", "Brownell", "SVP, Technology", "Western Telecommunications Corp.", "CA", "USA",
     "shellyb@westerntelecom.com", _PARTNER, _WORKING),
    ("Ms", "Pamela", "Owenby", "SVP, Technology", "Hendrickson Trading", "PA", "USA",
     "pam_owenby@hendricksontrading.com", _PARTNER, _LOST),
    ("Mr", "Norm", "May", "VP, Facilities", "Greenwich Media", "OH", "USA", "norm_may@greenwich.net", _WEB, _WORKING),
    ("Ms", "Pat", "Stumuller", "SVP, Administration and Finance", "Pyramid Construction Inc.", None, "France",
     "pat@pyramid.net", _PHONE, _CONVERTED),
    ("Mr", "Andy", "Young", "SVP, Operations", "Dickenson plc", "KS", "USA", "a_young@dickenson.com", _LIST,
     _CONVERTED),
    ("Ms", "Kristen", "Akin", "Director, Warehouse Mgmt", "Aethna Home Products", "VA", "USA", "kakin@athenahome.com",
     _PARTNER, _WORKING),
    ("Mr", "David", "Monaco", "CFO", "Blues Entertainment Corp.", None, "Japan", "david@blues.com", _LIST, _WORKING),
    ("Ms", "Carolyn", "Crenshaw", "VP, Technology", "Ace Iron and Steel Inc.", "AL", "USA", "carolync@aceis.com",
     _PHONE, _LOST),
    ("Mr.", "Jack", "Rogers", "VP, Facilities", "Burlington Textiles Corp of America", "NC", "USA",
     "jrogers@btca.com", _WEB, _CONVERTED),
    ("Mr", "Bill", "Dadio Jr", "CFO", "Zenith Industrial Partners", "OH", "USA", "bill_dadio@zenith.com", _WEB, _LOST),
    ("Ms", "Eugena", "Luce", "CEO", "Pacific Retail Group", "MA", "USA", "eluce@pacificretail.com", _LIST, _LOST),
    ("Ms", "Sandra", "Eberhard", "VP, Production", "Highland Manufacturing Ltd.", "CA", "USA",
     "sandra_e@highland.net", _LIST, _WORKING),
    ("Ms", "Betty", "Bair", "VP, Administration", "American Banking Corp.", "PA", "USA", "bblair@abankingco.com",
     _LIST, _WORKING),
)  # fmt: skip
_LEAD_EXTRAS: dict[str, Row] = {
    "Boxer": {
        "City": "Tallahassee", "PostalCode": "32306", "Industry": "Agriculture", "Rating": "Hot",
        "AnnualRevenue": 900_750_000.0, "SICCode__c": "2768", "ProductInterest__c": "GC5000 series",
        "Primary__c": "Yes", "CurrentGenerators__c": "All", "NumberofLocations__c": 130.0,
    },
    "Rogers": {
        "City": "Burlington", "PostalCode": "27215", "Industry": "Apparel", "Rating": "Warm",
        "AnnualRevenue": 350_000_000.0, "NumberOfEmployees": 9_000, "SICCode__c": "7267",
        "ProductInterest__c": "GC5000 series", "Primary__c": "Yes", "CurrentGenerators__c": "John Deere",
        "NumberofLocations__c": 3.0,
    },
}  # fmt: skip


def accounts() -> list[Row]:
    """The 13 sample accounts."""
    return [_row(_ACCOUNT_COLUMNS, values) for values in _ACCOUNTS]


def contacts() -> list[tuple[Row, int]]:
    """The 20 sample contacts, each with the index of its account in `accounts()`."""
    return [(_contact(values[:-1]), values[-1]) for values in _CONTACTS]


def leads() -> list[Row]:
    """The 22 sample leads."""
    return [_lead(values) for values in _LEADS]


def _row(columns: Sequence[str], values: Sequence[object]) -> Row:
    return {column: value for column, value in zip(columns, values, strict=True) if value is not None}


def _contact(values: Sequence[str | None]) -> Row:
    row = _row(_CONTACT_COLUMNS, values)
    last_name = str(row["LastName"])
    if last_name in _WHOLE_ADDRESS:
        return row | {"MailingStreet": _WHOLE_ADDRESS[last_name]}
    return row | _row(_MAILING, _PARTED_ADDRESS.get(last_name, (None,) * len(_MAILING)))


def _lead(values: Sequence[str | None]) -> Row:
    row = _row(_LEAD_COLUMNS, values)
    row["IsUnreadByOwner"] = True
    return row | _LEAD_EXTRAS.get(str(row["LastName"]), {})
