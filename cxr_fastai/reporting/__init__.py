"""Numbers, tables and intervals in words, and how every html page is made."""
