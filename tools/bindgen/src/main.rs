//! Generates the JavaScript that the worker's WebAssembly needs: `bindgen IN.wasm OUT_DIR`.

use std::env;

use anyhow::Context;
use wasm_bindgen_cli_support::Bindgen;

fn main() -> anyhow::Result<()> {
    let mut paths = env::args_os().skip(1);
    let wasm = paths.next().context("the path of the WebAssembly file is missing")?;
    let folder = paths.next().context("the folder for the output is missing")?;

    let mut bindgen = Bindgen::new();
    bindgen
        .module(true)?
        .input_path(wasm)
        .out_name("index")
        .typescript(false)
        .reset_state_function(true)
        .force_enable_abort_handler(true);
    bindgen.generate(folder)
}
