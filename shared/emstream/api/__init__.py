"""The HTTP contract, shared by gateway and client."""
