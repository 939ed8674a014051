"""Football: chances, markets and picks for the coming matches of 25 European leagues."""
