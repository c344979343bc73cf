"""The test side of an org: calls for programs and pages for people."""
