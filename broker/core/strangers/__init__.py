"""What couriers say of strangers: of receivers that are told, and of addresses that originals are fetched from."""
