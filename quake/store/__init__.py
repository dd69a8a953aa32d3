"""Result stores: one file for each channel set and day, and a journal of what is done."""
