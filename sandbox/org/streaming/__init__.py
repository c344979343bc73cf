"""CometD: the Streaming API."""
