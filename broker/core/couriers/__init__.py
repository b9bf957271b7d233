"""The couriers and their deliveries: who carries, what is due for whom, and what follows an attempt."""
