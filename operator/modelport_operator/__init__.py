"""The operator of PublishedModel. It reconciles nothing yet; `modelport serve` runs the same resource on one machine."""
