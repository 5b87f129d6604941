//! Tokens: accepted and rejected ones, and the rights that they grant.

mod accepted;
mod attacks;
mod fixtures;
mod keys;
mod properties;
mod refetch;
mod rooms;
mod token_sources;
