//! Tokens: what is let in, what is not, and what it may do then.

mod accepted;
mod attacks;
mod fixtures;
mod keys;
mod properties;
mod refetch;
mod rooms;
mod token_sources;
