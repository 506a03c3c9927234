"""What must not leave: the names and the shapes of secrets, and the scrubber made of them."""
