"""The API in words: its routes, parameters, headers and codes; and /openapi.json and /docs, which are made of them."""
