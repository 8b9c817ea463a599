"""The operator of PublishedModel. It reconciles nothing yet; `modelport serve` runs the resource on one machine."""
