"""The sandbox: start, watch and end a process with limits on its files, system calls and memory."""
