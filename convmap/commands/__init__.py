"""The commands: each adds its arguments to the command line and runs."""
