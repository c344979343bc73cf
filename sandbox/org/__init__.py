"""A simulated Salesforce org that speaks the real wire formats, for development and tests.

It shares no code with the workers: it is the oracle that may contradict them.
"""
