"""Every number asked in words: a server of the Model Context Protocol over the sessions on disk, read-only."""
