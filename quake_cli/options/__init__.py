"""Options, each declared once; a command says with its signature which it takes."""
