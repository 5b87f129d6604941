//! The simulator, and the fuzz targets that run in it (tests/it/fuzz.rs).

#[path = "../tests/it"]
mod it {
    pub mod client;
    pub mod fuzz;
    pub mod memory_store;
    pub mod sim;
    pub mod tokens;
}

pub use it::{client, fuzz, memory_store, sim, tokens};
