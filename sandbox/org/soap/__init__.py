"""The partner and enterprise SOAP APIs."""
