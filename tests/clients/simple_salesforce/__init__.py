"""simple-salesforce: login by SOAP and OAuth, REST, list views, Bulk API 2.0."""
