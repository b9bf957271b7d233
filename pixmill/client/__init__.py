"""The two clients, with the same methods: Client for threads, AsyncClient for asyncio. They own the connections."""

from pixmill.client.aio import AsyncClient
from pixmill.client.blocking import Client

__all__ = ["AsyncClient", "Client"]
