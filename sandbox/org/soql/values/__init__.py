"""The values of a query: literals, relative dates, functions of one row."""
