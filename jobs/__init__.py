"""The shared vocabulary of pixmill: pure, imported by every role, importing none of them."""
