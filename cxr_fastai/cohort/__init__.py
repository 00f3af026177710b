"""What a curated folder holds, counted, and what tells its classes that is not the disease."""
