"""The handlers of the routes. web/routes.py has the table."""
