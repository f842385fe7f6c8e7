"""Turning plans into edits on exact spans: calls, references, class structure, imports, shims."""
