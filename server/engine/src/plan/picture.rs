//! A picture that becomes part of a page: SVG of shapes and nothing else. It is judged by what it may hold, not by what it
//! may not, so that nothing in it runs, loads, or reads otherwise to a browser than it does here.

use roxmltree::{Document, Node};

const SVG: &str = "http://www.w3.org/2000/svg";
const ELEMENTS: [&str; 17] = [
    "svg",
    "g",
    "defs",
    "title",
    "path",
    "rect",
    "circle",
    "ellipse",
    "line",
    "polyline",
    "polygon",
    "linearGradient",
    "radialGradient",
    "stop",
    "clipPath",
    "mask",
    "symbol",
];
const ATTRIBUTES: [&str; 50] = [
    "viewBox",
    "width",
    "height",
    "preserveAspectRatio",
    "version",
    "id",
    "d",
    "x",
    "y",
    "x1",
    "y1",
    "x2",
    "y2",
    "cx",
    "cy",
    "r",
    "rx",
    "ry",
    "fx",
    "fy",
    "points",
    "transform",
    "opacity",
    "fill",
    "fill-opacity",
    "fill-rule",
    "stroke",
    "stroke-width",
    "stroke-opacity",
    "stroke-linecap",
    "stroke-linejoin",
    "stroke-miterlimit",
    "stroke-dasharray",
    "stroke-dashoffset",
    "clip-path",
    "clip-rule",
    "mask",
    "offset",
    "stop-color",
    "stop-opacity",
    "gradientUnits",
    "gradientTransform",
    "spreadMethod",
    "clipPathUnits",
    "maskUnits",
    "maskContentUnits",
    "pathLength",
    "vector-effect",
    "color",
    "paint-order",
];

pub(super) struct Wrong {
    pub found: String,
    pub says: String,
}

fn wrong(found: &str, says: impl Into<String>) -> Wrong {
    Wrong {
        found: found.into(),
        says: says.into(),
    }
}

pub(super) fn check(text: &str) -> Result<(), Wrong> {
    // The parser allows no document type by itself: no entity unfolds.
    let document = Document::parse(text.trim()).map_err(|why| {
        let says = format!("this is not an SVG picture ({why}); write <svg xmlns=\"{SVG}\" viewBox=\"0 0 16 16\">…</svg>");
        wrong("logo", says)
    })?;
    let root = document.root_element();
    if root.tag_name().name() != "svg" || root.attribute("viewBox").is_none() {
        let says = format!(
            "a picture is one <svg xmlns=\"{SVG}\" viewBox=\"0 0 16 16\"> with shapes in it"
        );
        return Err(wrong(root.tag_name().name(), says));
    }
    document
        .root()
        .descendants()
        .try_for_each(|node| holds(&node))
}

fn holds(node: &Node<'_, '_>) -> Result<(), Wrong> {
    if node.is_comment() || node.is_pi() {
        let says = "a picture is shapes only; take comments and instructions out";
        return Err(wrong(node.text().unwrap_or("<?"), says));
    }
    if node.is_text() {
        let within = node.parent().map(|p| p.tag_name().name());
        return match node.text().unwrap_or_default().trim() {
            "" => Ok(()),
            _ if within == Some("title") => Ok(()),
            text => Err(wrong(
                text,
                "a picture has no text but its <title>; draw letters as paths",
            )),
        };
    }
    if !node.is_element() {
        return Ok(());
    }
    let name = node.tag_name().name();
    if node.tag_name().namespace() != Some(SVG) || !ELEMENTS.contains(&name) {
        let says = format!(
            "a picture is shapes only ({}); take this element out",
            ELEMENTS[1..].join(", ")
        );
        return Err(wrong(name, says));
    }
    for attribute in node.attributes() {
        let (name, value) = (attribute.name(), attribute.value());
        if attribute.namespace().is_some() || !ATTRIBUTES.contains(&name) {
            return Err(wrong(
                name,
                "a picture's shapes have no such attribute; take it out",
            ));
        }
        let local = value.matches("url(").count() == value.matches("url(#").count();
        if !local
            || value
                .chars()
                .any(|c| matches!(c, '\\' | '<' | '&') || c.is_control())
        {
            return Err(wrong(
                value,
                "a picture refers to its own parts only, as url(#name)",
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn says(inside: &str) -> String {
        let svg = format!("<svg xmlns=\"{SVG}\" viewBox=\"0 0 16 16\">{inside}</svg>");
        check(&svg).map_or_else(|wrong| wrong.found, |()| String::new())
    }

    #[test]
    fn a_picture_of_shapes_is_one() {
        let shapes = "<title>Example</title><defs><linearGradient id=\"a\"><stop offset=\"0\" stop-color=\"#123\"/></linearGradient></defs>\
                      <g transform=\"scale(2)\"><path d=\"M0 0h8v8z\" fill=\"url(#a)\"/></g>";
        assert_eq!(says(shapes), "");
    }

    #[test]
    fn what_runs_or_loads_or_hides_is_no_part_of_a_picture() {
        for (inside, found) in [
            ("<script>alert(1)</script>", "script"),
            ("<style>@import url(x)</style>", "style"),
            ("<foreignObject/>", "foreignObject"),
            ("<image/>", "image"),
            ("<use/>", "use"),
            ("<a/>", "a"),
            ("<animate/>", "animate"),
            ("<g onload=\"x()\"/>", "onload"),
            ("<g style=\"x\"/>", "style"),
            ("<path href=\"https://example.org\"/>", "href"),
            (
                "<path fill=\"url(https://example.org/a)\"/>",
                "url(https://example.org/a)",
            ),
            (
                "<path fill=\"u\\72l(https://example.org/a)\"/>",
                "u\\72l(https://example.org/a)",
            ),
            ("<g id=\"a&amp;lt;b\"/>", "a&lt;b"),
            ("<!-- --><g/>", " "),
            ("<?php x?>", "<?"),
            ("words", "words"),
            ("<x xmlns=\"http://www.w3.org/1999/xhtml\"/>", "x"),
        ] {
            assert_eq!(says(inside), found, "{inside}");
        }
        assert!(check("<!DOCTYPE svg [<!ENTITY a \"b\">]><svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 1 1\"/>").is_err());
        assert!(check("<svg viewBox=\"0 0 1 1\"/>").is_err());
        assert!(check("no picture").is_err());
    }
}
