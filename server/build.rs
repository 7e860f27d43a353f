//! Packs what the browser loads into the binary: each file under a name with its content's hash, and compressed once.
//!
//! The script and the wasm come from `make front`; without them (a plain `cargo test`) the pages work as plain forms.

use sha2::{Digest, Sha256};
use std::{env, fs, io::Write, path::Path};

const FRONT: &str = "../target/site";

struct Asset {
    /// What the code calls it: `app.js`.
    name: &'static str,
    from: String,
    kind: &'static str,
}

fn main() {
    let assets = [
        Asset {
            name: "main.css",
            from: "../style/main.css".into(),
            kind: "text/css; charset=utf-8",
        },
        Asset {
            name: "icon.svg",
            from: "../app/public/icon.svg".into(),
            kind: "image/svg+xml",
        },
        Asset {
            name: "app.js",
            from: format!("{FRONT}/app.js"),
            kind: "text/javascript; charset=utf-8",
        },
        Asset {
            name: "app_bg.wasm",
            from: format!("{FRONT}/app_bg.wasm"),
            kind: "application/wasm",
        },
    ];
    let out = env::var("OUT_DIR").expect("cargo sets OUT_DIR");
    let mut table = String::from("pub static ASSETS: &[Asset] = &[\n");
    for asset in &assets {
        // A missing file is watched too: it appears when the front is built.
        println!("cargo:rerun-if-changed={}", asset.from);
        let Ok(plain) = fs::read(&asset.from) else {
            continue;
        };
        let hash = hex::encode(&Sha256::digest(&plain)[..6]);
        let (stem, ending) = asset.name.rsplit_once('.').expect("an asset has an ending");
        let path = |suffix: &str| Path::new(&out).join(format!("{}{suffix}", asset.name));
        fs::write(path(""), &plain).expect("write to OUT_DIR");
        fs::write(path(".br"), brotli(&plain)).expect("write to OUT_DIR");
        fs::write(path(".gz"), gzip(&plain)).expect("write to OUT_DIR");
        table += &format!(
            "    Asset {{ name: {name:?}, path: \"/pkg/{stem}-{hash}.{ending}\", kind: {kind:?}, etag: \"\\\"{hash}\\\"\",\n        \
             plain: include_bytes!({plain:?}), br: include_bytes!({br:?}), gz: include_bytes!({gz:?}) }},\n",
            name = asset.name,
            kind = asset.kind,
            plain = path(""),
            br = path(".br"),
            gz = path(".gz"),
        );
    }
    table += "];\n";
    fs::write(Path::new(&out).join("assets.rs"), table).expect("write to OUT_DIR");
}

fn brotli(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut writer = brotli::CompressorWriter::new(&mut out, 4096, 11, 22);
    writer.write_all(bytes).expect("compress into memory");
    drop(writer);
    out
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut writer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    writer.write_all(bytes).expect("compress into memory");
    writer.finish().expect("compress into memory")
}
