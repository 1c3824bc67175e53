"""How a network that was trained before goes on learning."""
