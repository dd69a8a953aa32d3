"""What people see on a terminal. Only these modules use Rich."""
