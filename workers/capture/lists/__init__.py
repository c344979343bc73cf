"""Salesforce lists, kept true: the org's answers, its definitions, comparisons with what it says that a list holds."""
