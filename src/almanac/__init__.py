"""Almanac: predictions computed ahead in notebooks, published whole, read in a millisecond."""
