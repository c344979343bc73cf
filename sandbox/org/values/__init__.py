"""How Salesforce writes ids, moments and numbers."""
