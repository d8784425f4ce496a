"""Turning points of a movement: rowing's catch and finish, a walker's foot strikes and toe-offs."""
