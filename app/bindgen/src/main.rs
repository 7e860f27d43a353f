//! Makes the browser's two files of the compiled console: the last step of `make front`.
//!
//! `wasm-bindgen` must be of the very version that the console was compiled with. Here it is the one of `Cargo.lock`, and
//! only its core is built: its command line would bring a web server and a TLS stack, and some minutes, with it.

use std::{
    env,
    path::{Path, PathBuf},
    process::ExitCode,
};
use wasm_bindgen_cli_support::Bindgen;

fn main() -> ExitCode {
    let mut words = env::args_os().skip(1);
    let (Some(wasm), Some(folder)) = (words.next(), words.next()) else {
        eprintln!("usage: bindgen WASM FOLDER");
        return ExitCode::from(2);
    };
    let folder = PathBuf::from(folder);
    let made = Bindgen::new()
        .input_path(wasm)
        .out_name("app")
        .typescript(false)
        .remove_name_section(true)
        .remove_producers_section(true)
        .web(true)
        .and_then(|bindgen| bindgen.generate(&folder))
        .and_then(|()| without_streams(&folder.join("app_bg.wasm")));
    match made {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bindgen: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Takes out what a library of Leptos' server functions (which the console has none of) exports for its streams. Nothing
/// calls it; only its being exported keeps it in.
fn without_streams(wasm: &Path) -> anyhow::Result<()> {
    let mut module = walrus::Module::from_file(wasm)?;
    let unused: Vec<_> = module
        .exports
        .iter()
        .filter(|e| e.name.contains("intounderlying"))
        .map(|e| e.id())
        .collect();
    for export in unused {
        module.exports.delete(export);
    }
    walrus::passes::gc::run(&mut module);
    // What the compiler's features were, the browser need not be told.
    let sections: Vec<_> = module.customs.iter().map(|(id, _)| id).collect();
    for section in sections {
        module.customs.delete(section);
    }
    module.emit_wasm_file(wasm)
}
