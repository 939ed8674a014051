"""Files that were read: found again after rotation, growth or truncation, so that no line counts twice."""
