//! Sends forms without leaving the page. A refusal goes to the field it names and nothing typed is lost; after a failure
//! of the network the same thing can be sent again under the same key, so that it is never done twice.

use super::dom;
use crate::{
    page::Answer,
    room::{Link, Room},
    wire,
};
use domain::{Refusal, Why};
use js_sys::Uint8Array;
use leptos::prelude::*;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    Element, FormData, Headers, HtmlFormElement, HtmlInputElement, RequestInit, Response,
    SubmitEvent, UrlSearchParams,
};

/// How the server knows that a form was sent by this handler: it answers `Answer` with 200, also to a refusal.
const ACCEPT: &str = "application/vnd.muster.form+json";

pub fn begin(room: Room) {
    dom::on("submit", move |event: SubmitEvent| {
        let Some(form) = event
            .target()
            .and_then(|t| t.dyn_into::<HtmlFormElement>().ok())
        else {
            return;
        };
        // Attributes, not properties: a field named `action` would stand in front of the form's own.
        let button = event.submitter().map(Element::from);
        let plain = |e: &Element| e.has_attribute("data-plain");
        let ours = form.get_attribute("method").as_deref() == Some("post")
            && !plain(&form)
            && !button.as_ref().is_some_and(plain);
        if !ours {
            return;
        }
        event.prevent_default();
        if form.has_attribute("aria-busy") {
            return;
        }
        let _ = form.set_attribute("aria-busy", "true");
        leptos::task::spawn_local(async move {
            let answer = send(&form, button.as_ref()).await;
            let _ = form.remove_attribute("aria-busy");
            clear(&form);
            match answer {
                Ok(Answer::Done { location, .. }) => done(room, &form, &location),
                Ok(Answer::Refused(refusal)) => refused(&form, &refusal),
                Err(why) => complain(&form, None, &why),
            }
        });
    });
}

async fn send(form: &HtmlFormElement, button: Option<&Element>) -> Result<Answer, String> {
    const LOST: &str = "Muster cannot be reached. What you typed is still here: press again when the connection is back.";
    let unreadable =
        |_: JsValue| "The browser could not read the form; reload the page.".to_owned();
    let data = FormData::new_with_form(form).map_err(unreadable)?;
    if let Some((name, button)) = button.and_then(|b| Some((b.get_attribute("name")?, b))) {
        data.append_with_str(&name, &button.get_attribute("value").unwrap_or_default())
            .map_err(unreadable)?;
    }
    let action = button
        .and_then(|b| b.get_attribute("formaction"))
        .or(form.get_attribute("action"))
        .unwrap_or_default();
    let said = {
        data.delete("key");
        let body = UrlSearchParams::new_with_str_sequence_sequence(&data).map_err(unreadable)?;
        format!("{action} {}", String::from(body.to_string()))
    };
    // What is sent again after a failure is the same act, under the same key; anything else is another act.
    let before = form.get_attribute("data-sent");
    if before.is_some_and(|before| before != said) {
        renew(form);
    }
    let _ = form.set_attribute("data-sent", &said);
    if let Some(key) = key(form) {
        data.append_with_str("key", &key.value())
            .map_err(unreadable)?;
    }
    let body = UrlSearchParams::new_with_str_sequence_sequence(&data).map_err(unreadable)?;

    let headers = Headers::new().map_err(unreadable)?;
    headers.set("accept", ACCEPT).map_err(unreadable)?;
    let init = RequestInit::new();
    init.set_method("POST");
    init.set_headers(&headers);
    init.set_body(&body);
    let lost = |_: JsValue| LOST.to_owned();
    let response: Response = JsFuture::from(window().fetch_with_str_and_init(&action, &init))
        .await
        .map_err(lost)?
        .unchecked_into();
    let text = JsFuture::from(response.text().map_err(lost)?)
        .await
        .map_err(lost)?
        .as_string()
        .unwrap_or_default();
    match wire::read(&text) {
        Ok(answer) => Ok(answer),
        _ if response.redirected() || matches!(response.status(), 401 | 403) => {
            Err("You are not signed in any more. What you typed is still here: sign in again in another tab, then press again.".into())
        }
        _ => Err(format!("Muster answered with an error ({}). What you typed is still here: press again in a moment.", response.status())),
    }
}

fn done(room: Room, form: &HtmlFormElement, location: &str) {
    let _ = form.remove_attribute("data-sent");
    form.reset();
    renew(form);
    if let Ok(Some(menu)) = form.closest("details.menu, .call details") {
        let _ = menu.remove_attribute("open");
        if let Some(summary) = dom::first(Some(&menu), "summary") {
            dom::focus(&summary);
        }
    }
    let path = location.split(['?', '#']).next().unwrap_or_default();
    let here = window().location().pathname().unwrap_or_default();
    // Where the stream is cut, the page would not show what was just done: load it again.
    let cut = room.link.get_untracked() != Link::Live;
    if (path != here || cut) && !location.is_empty() {
        let _ = if path == here {
            window().location().reload()
        } else {
            window().location().set_href(location)
        };
    }
}

fn refused(form: &HtmlFormElement, refusal: &Refusal) {
    let _ = form.remove_attribute("data-sent");
    if refusal.why == Why::KeyReused {
        renew(form);
    }
    complain(form, refusal.field.as_deref(), &refusal.says);
}

/// Says what is wrong at the field, or at the form's head where the form has no such field.
fn complain(form: &HtmlFormElement, field: Option<&str>, says: &str) {
    let at = |field: &str| dom::first(Some(form), &format!("[data-why='{field}']"));
    let place = field.and_then(at).or_else(|| at(""));
    let Some(place) = place else { return };
    place.set_text_content(Some(says));
    let _ = place.set_attribute("role", "alert");
    dom::show(&place, true);
    if let Some(control) =
        field.and_then(|f| dom::first(Some(form), &format!("[name='{f}'],[data-field='{f}']")))
    {
        let _ = control.set_attribute("aria-invalid", "true");
        if let Ok(Some(fold)) = control.closest("details:not([open])") {
            let _ = fold.set_attribute("open", "");
        }
        dom::focus(&control);
    }
}

fn clear(form: &HtmlFormElement) {
    for place in dom::all(Some(form), "[data-why]") {
        dom::show(&place, false);
    }
    for control in dom::all(Some(form), "[aria-invalid]") {
        let _ = control.remove_attribute("aria-invalid");
    }
}

fn key(form: &HtmlFormElement) -> Option<HtmlInputElement> {
    dom::first(Some(form), "input[name=key]")?.dyn_into().ok()
}

/// A new key: the next act of this form is another one.
fn renew(form: &HtmlFormElement) {
    let Some(key) = key(form) else { return };
    let bytes = Uint8Array::new_with_length(16);
    let random = window()
        .crypto()
        .is_ok_and(|c| c.get_random_values_with_js_u8_array(&bytes).is_ok());
    let fresh: String = if random {
        bytes.to_vec().iter().map(|b| format!("{b:02x}")).collect()
    } else {
        format!("{}", js_sys::Date::now() as u64)
    };
    key.set_value(&format!(
        "{fresh}-{}",
        form.get_attribute("data-form").unwrap_or_default()
    ));
}
