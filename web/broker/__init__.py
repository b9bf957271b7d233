"""Web's side of the broker: sockets, requests, changes, forecasts, and reads of the ledger."""
