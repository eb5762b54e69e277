"""From a YAML file to stages that can run: load, validate, build, identity."""
