"""Other people's callables: told apart, driven step by step, followed to their end."""
