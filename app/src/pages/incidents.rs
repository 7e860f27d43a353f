//! Every incident: the open ones, then the past.

use crate::{
    parts::{card, either, incidents},
    room::Room,
};
use domain::Permission;
use leptos::prelude::*;

pub fn page(room: Room, more: Option<String>) -> AnyView {
    let open = Memo::new(move |_| room.world.with(|w| w.incidents.values().filter(|i| i.is_open()).count()));
    let past = Memo::new(move |_| room.world.with(|w| w.incidents.values().filter(|i| !i.is_open()).count()));
    let declare = room.may(Permission::Respond);
    let older = more.map(|at| view! { <p class="acts"><a class="btn" href=at>"Older incidents"</a></p> });
    let title = crate::parts::text(move || match open.get() {
        0 => "No open incidents".into(),
        1 => "1 open incident".into(),
        n => format!("{n} open incidents"),
    });
    view! {
        <main id="main" class="page" tabindex="-1">
            <div class="head">
                <h1>{title}</h1>
                <div class="acts">{either(declare, || view! { <a class="btn danger" href="/incidents/new">"Declare an incident"<kbd>"C"</kbd></a> }, || ())}</div>
            </div>
            <div hidden=move || open.get() == 0>{card("Open", (), incidents::open_table(room))}</div>
            {card("Past", (), view! {
                <div hidden=move || past.get() == 0>{incidents::past_table(room)}</div>
                <p class="dim" hidden=move || past.get() != 0>"Nothing yet. What is resolved is kept here with its timeline, for good."</p>
                {older}
            })}
        </main>
    }
    .into_any()
}
