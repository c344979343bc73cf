"""The simulated org held against the fact sheets; each test names the section that it takes its word from."""
