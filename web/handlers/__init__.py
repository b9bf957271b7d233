"""What each route does. web/routes.py has the table."""
