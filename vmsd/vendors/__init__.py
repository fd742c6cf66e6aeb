"""Everything vmsd knows of camera makers and of the addresses cameras live at."""
