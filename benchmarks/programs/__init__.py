"""Small programs that measure one thing inside a fresh process and print it as a line of JSON."""
