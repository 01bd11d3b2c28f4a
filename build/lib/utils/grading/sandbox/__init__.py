"""The sandbox: limits, namespaces, system calls, what a process may see; start, watch, end it."""
