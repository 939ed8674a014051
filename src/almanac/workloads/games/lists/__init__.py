"""The published lists: neighbours, reasons, search index."""
