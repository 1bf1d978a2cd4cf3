"""Reports for people: plain text now; figures are drawn by `strongltn.figures`."""
