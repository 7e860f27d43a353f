//! Makes the browser's two files of the compiled console: the last step of `make front`.
//!
//! `wasm-bindgen` must be of the very version that the console was compiled with. Here it is the one of `Cargo.lock`, and
//! only its core is built: its command line would bring a web server and a TLS stack, and some minutes, with it.

use std::{env, process::ExitCode};
use wasm_bindgen_cli_support::Bindgen;

fn main() -> ExitCode {
    let mut words = env::args_os().skip(1);
    let (Some(wasm), Some(folder)) = (words.next(), words.next()) else {
        eprintln!("usage: bindgen WASM FOLDER");
        return ExitCode::from(2);
    };
    let made = Bindgen::new()
        .input_path(wasm)
        .out_name("app")
        .typescript(false)
        .remove_name_section(true)
        .remove_producers_section(true)
        .web(true)
        .and_then(|bindgen| bindgen.generate(folder));
    match made {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bindgen: {error:#}");
            ExitCode::FAILURE
        }
    }
}
