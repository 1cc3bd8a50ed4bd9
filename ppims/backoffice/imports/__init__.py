"""Importing customers: files that were brought, one file, and bringing one."""
