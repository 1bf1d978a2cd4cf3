"""Programs that measured something of strongltn once; their records lie in ``recorded/``."""
