//! Tests of tokens: accepted tokens, rejected tokens, and the rights that
//! tokens grant.

mod accepted;
mod attacks;
mod fixtures;
mod grant_rules;
mod keys;
mod properties;
mod refetch;
mod rooms;
mod token_sources;
mod verifier;
