"""Commands: a file each, or a folder where a command has more than one."""
