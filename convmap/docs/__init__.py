"""The documentation of API differences: a site from the rules, the recorded runs and the parser."""
