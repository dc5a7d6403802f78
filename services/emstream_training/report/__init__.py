"""The report: one HTML page and one PDF with the figures that tell how well, and how fast, an object is found."""
