"""The list views of a new org: Salesforce's standard ones, and a handful that a marketing team would make."""

from __future__ import annotations

from sandbox.org.lists.conditions import NO_CONDITION, all_of, any_of, leaf
from sandbox.org.lists.model import ListView

_EMEA = ("Germany", "France", "United Kingdom", "Spain", "Sweden", "Poland", "Turkey")


def _quoted(*values: str) -> list[str]:
    return [f"'{value}'" for value in values]


def initial_views() -> list[ListView]:
    """Views without ids, in the order in which Salesforce lists them (by label)."""
    views = [*_account_views(), *_contact_views(), *_lead_views(), *_opportunity_views(), *_campaign_views()]
    return sorted(views, key=lambda view: view.label)


def _standard(object_name: str, plural: str) -> list[ListView]:
    return [
        ListView(object_name, f"All {plural}", f"All{plural}", NO_CONDITION),
        ListView(object_name, f"My {plural}", f"My{plural}", NO_CONDITION, "mine"),
        ListView(object_name, "New This Week", "NewThisWeek", leaf("CreatedDate", "equals", "THIS_WEEK")),
        ListView(object_name, "New Last Week", "NewLastWeek", leaf("CreatedDate", "equals", "LAST_WEEK")),
        ListView(object_name, f"Recently Viewed {plural}", f"RecentlyViewed{plural}", NO_CONDITION, "mru"),
    ]


def _account_views() -> list[ListView]:
    technology = all_of(
        leaf("Industry", "in", *_quoted("Technology", "Electronics", "Telecommunications")),
        leaf("Type", "like", "'Customer%'"),
    )
    large = any_of(
        leaf("NumberOfEmployees", "greaterThan", "1000"),
        leaf("AnnualRevenue", "greaterThanOrEqualTo", "100000000"),
    )
    gold = leaf("SLA__c", "in", *_quoted("Platinum", "Gold"))
    renewals = all_of(
        leaf("SLAExpirationDate__c", "greaterThanOrEqualTo", "2026-01-01"),
        leaf("SLAExpirationDate__c", "lessThan", "2027-01-01"),
    )
    return [
        *_standard("Account", "Accounts"),
        ListView("Account", "Platinum and Gold SLA Customers", "PlatinumandGoldSLACustomers", gold),
        ListView("Account", "Technology Customers", "TechnologyCustomers", technology),
        ListView("Account", "Large Accounts", "LargeAccounts", large),
        ListView("Account", "SLA Renewals 2026", "SLARenewals2026", renewals),
    ]


def _contact_views() -> list[ListView]:
    leaders = all_of(
        any_of(
            leaf("Title", "like", "'%VP%'"),
            leaf("Title", "like", "'%Chief%'"),
            leaf("Department", "in", *_quoted("Marketing", "Executive Team")),
        ),
        leaf("Email", "notEquals", "null"),
    )
    outside_sales = all_of(leaf("Title", "notLike", "'%Sales%'"), leaf("Department", "notEquals", "'Sales'"))
    mailable = leaf("HasOptedOutOfEmail", "equals", "false")
    return [
        *_standard("Contact", "Contacts"),
        ListView("Contact", "Marketing Leaders", "MarketingLeaders", leaders),
        ListView("Contact", "EMEA Contacts", "EMEAContacts", leaf("MailingCountry", "in", *_quoted(*_EMEA))),
        ListView("Contact", "Outside Sales", "OutsideSales", outside_sales),
        ListView("Contact", "Mailable Contacts", "MailableContacts", mailable),
    ]


def _lead_views() -> list[ListView]:
    hot = all_of(
        leaf("Rating", "equals", "'Hot'"),
        any_of(leaf("LeadSource", "equals", "'Web'"), leaf("AnnualRevenue", "greaterThan", "1000000")),
    )
    unread = leaf("IsUnreadByOwner", "equals", "true")
    open_leads = leaf("Status", "equals", "'Open - Not Contacted'")
    return [
        *_standard("Lead", "Leads"),
        ListView("Lead", "My Unread Leads", "MyUnreadLeads", unread, "mine"),
        ListView("Lead", "Unread Leads", "UnreadLeads", unread),
        ListView("Lead", "Today's Leads", "TodaysLeads", leaf("CreatedDate", "equals", "TODAY")),
        ListView("Lead", "Open Leads", "OpenLeads", open_leads),
        ListView("Lead", "Hot Leads", "HotLeads", hot),
    ]


def _opportunity_views() -> list[ListView]:
    won = all_of(leaf("IsWon", "equals", "true"), leaf("IsClosed", "equals", "true"))
    return [
        *_standard("Opportunity", "Opportunities"),
        ListView("Opportunity", "Closing This Month", "ClosingThisMonth", leaf("CloseDate", "equals", "THIS_MONTH")),
        ListView("Opportunity", "Closing Next Month", "ClosingNextMonth", leaf("CloseDate", "equals", "NEXT_MONTH")),
        ListView("Opportunity", "Won", "Won", won),
    ]


def _campaign_views() -> list[ListView]:
    active = leaf("IsActive", "equals", "true")
    return [
        *_standard("Campaign", "Campaigns"),
        ListView("Campaign", "All Active Campaigns", "AllActiveCampaigns", active),
        ListView("Campaign", "My Active Campaigns", "MyActiveCampaigns", active, "mine"),
    ]
