"""Measurements: what is claimed is audited, and what is compared runs in turns on one workload."""
