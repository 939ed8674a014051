"""Games as routes and pages read them: titles, lists of a game, and liked games combined."""
