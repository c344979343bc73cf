"""Salesforce: OAuth, REST, Bulk API 2.0 and Change Data Capture over CometD behind the ports of `workers.ports`."""
