"""The main job: plan, build, measure, certify, write. Here the pillars meet."""
