"""What the server and the notebooks of games both import; standard library and pydantic only."""
