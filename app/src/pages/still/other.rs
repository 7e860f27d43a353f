//! What is not there, said plainly.

use leptos::prelude::*;

pub fn not_yet(name: &str, says: &str) -> AnyView {
    view! {
        <div class="head"><h1>{name.to_owned()}</h1></div>
        <section class="card lone"><div class="body"><p>{says.to_owned()}</p><p class="acts"><a class="btn" href="/">"To the board"</a></p></div></section>
    }
    .into_any()
}

pub fn not_found(says: &str) -> AnyView {
    view! {
        <div class="head"><h1>"Not found"</h1></div>
        <section class="card lone"><div class="body">
            <p>{says.to_owned()}</p>
            <p class="acts"><a class="btn main" href="/">"To the board"</a><a class="btn" href="/incidents">"To the incidents"</a></p>
        </div></section>
    }
    .into_any()
}
