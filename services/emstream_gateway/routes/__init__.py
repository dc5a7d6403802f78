"""Routes of the REST API: one noun, one module."""
