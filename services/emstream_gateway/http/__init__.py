"""HTTP machinery of the gateway that knows no job: middleware, bodies, file responses, errors, OpenAPI."""
