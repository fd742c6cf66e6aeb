"""HTML: the dashboard's pages, their words and their static files."""
