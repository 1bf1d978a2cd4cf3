"""The methods of search: every concrete class in a file here is found by its `name`."""
