"""Files of customers that an institution brings: read, and judged row by row."""
