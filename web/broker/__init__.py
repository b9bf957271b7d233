"""What web says to the broker and hears from it: link, requests, changes, forecasts, ledger reads."""
