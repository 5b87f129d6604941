//! Tokens: which are accepted, which are rejected, and which rights they give.

mod accepted;
mod attacks;
mod fixtures;
mod keys;
mod properties;
mod refetch;
mod rooms;
mod token_sources;
