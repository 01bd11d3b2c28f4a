"""One module per command of the front door, each with `main(argv) -> int`."""
