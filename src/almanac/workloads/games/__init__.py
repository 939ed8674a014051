"""Games: for each video game the ten that its players will like next."""
