"""The pages on which a processor's file is compared with our books, under Reports."""
