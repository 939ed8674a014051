"""The workloads: each package here with a `contract` module is one."""
