"""What is done with runs and releases after the fact: verify, reproduce, compare, promote, examine the installation."""
