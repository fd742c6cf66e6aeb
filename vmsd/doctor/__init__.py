"""Examines this machine and says point by point what is right, what is not, and what to do; changes nothing."""
