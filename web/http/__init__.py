"""HTTP itself: connections, bodies, headers, JSON, proxies, problem documents. Knows no job."""
