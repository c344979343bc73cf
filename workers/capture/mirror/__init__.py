"""Records read beside the stream: imports, records read again by id, entities whose events cannot be had."""
