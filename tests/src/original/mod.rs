//! Nodes that behave as the original ones do, and forgive as little.
