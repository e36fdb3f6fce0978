//! The web client, as it stands in `web/`: files to serve and the policy to serve them under.
//!
//! The page asks nobody but its own server for anything, has no build step, and works under
//! [`CONTENT_SECURITY_POLICY`].

/// One file of the web client.
#[derive(Debug, Clone, Copy)]
pub struct Asset {
    /// Its name: `/NAME` serves it. `index.html` is served at `/` too.
    pub name: &'static str,
    /// The `Content-Type` to serve it as.
    pub content_type: &'static str,
    /// What it holds.
    pub body: &'static [u8],
}

/// The policy that the page is served under: nothing from elsewhere, no inline script or style, and
/// WebSockets to the server that the page came from, whichever way it is reached.
pub const CONTENT_SECURITY_POLICY: &str = "default-src 'self'; connect-src 'self' ws: wss:; media-src 'self' blob:; \
     object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// What the page may ask of the browser: the microphone and the choice of a speaker, for itself alone.
pub const PERMISSIONS_POLICY: &str = "microphone=(self), speaker-selection=(self), autoplay=(self), camera=(), \
     geolocation=()";

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

macro_rules! assets {
    ($($name:literal $content_type:ident),* $(,)?) => {
        /// Every file of the web client.
        pub const ASSETS: &[Asset] = &[
            $(Asset {
                name: $name,
                content_type: $content_type,
                body: include_bytes!(concat!("web/", $name)),
            },)*
        ];
    };
}

assets! {
    "index.html" HTML,
    "style.css" CSS,
    "icon.svg" SVG,
    "app.js" SCRIPT,
    "call.js" SCRIPT,
    "history.js" SCRIPT,
    "meter.js" SCRIPT,
    "microphone.js" SCRIPT,
    "opus.js" SCRIPT,
    "page.js" SCRIPT,
    "phone.js" SCRIPT,
    "quality.js" SCRIPT,
    "ring.js" SCRIPT,
    "settings.js" SCRIPT,
    "signaling.js" SCRIPT,
    "sound.js" SCRIPT,
    "words.js" SCRIPT,
}

/// The file that answers a request for `path`, which starts with a slash.
pub fn asset(path: &str) -> Option<&'static Asset> {
    let name = match path.strip_prefix('/')? {
        "" => "index.html",
        name => name,
    };
    ASSETS.iter().find(|asset| asset.name == name)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn text(name: &str) -> &'static str {
        let asset = asset(&format!("/{name}")).unwrap_or_else(|| panic!("{name} is not served"));
        std::str::from_utf8(asset.body).expect("the client's files are text")
    }

    /// What stands between `before` and the next `after`, wherever `before` occurs.
    fn between<'a>(text: &'a str, before: &str, after: char) -> Vec<&'a str> {
        text.split(before).skip(1).filter_map(|rest| rest.split_once(after)).map(|(found, _)| found).collect()
    }

    #[test]
    fn the_root_is_the_page_and_strangers_are_not_served() {
        assert_eq!(asset("/").map(|asset| asset.name), Some("index.html"));
        for path in ["", "index.html", "/web.rs", "/../Cargo.toml", "//app.js", "/app.js/"] {
            assert!(asset(path).is_none(), "{path:?}");
        }
    }

    #[test]
    fn every_file_in_the_folder_is_served_and_every_import_is_there() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/src/switchboard/web");
        let there: BTreeSet<String> = std::fs::read_dir(folder)
            .expect("the folder stands beside this file")
            .map(|entry| entry.expect("readable").file_name().to_string_lossy().into_owned())
            .collect();
        let served: BTreeSet<String> = ASSETS.iter().map(|asset| asset.name.to_owned()).collect();
        assert_eq!(there, served);
        for asset in ASSETS.iter().filter(|asset| asset.content_type == SCRIPT) {
            for import in between(text(asset.name), "from './", '\'') {
                assert!(served.contains(import), "{} imports {import}", asset.name);
            }
        }
    }

    #[test]
    fn the_page_works_under_its_policy() {
        let page = text("index.html");
        assert!(!page.contains("<style"), "inline style sheet");
        for attribute in [" style=", " onclick=", " onload=", "javascript:"] {
            assert!(!page.contains(attribute), "{attribute}");
        }
        for tag in between(page, "<script", '>') {
            assert!(tag.contains(" src="), "inline script");
        }
    }

    #[test]
    fn nothing_is_asked_of_other_hosts() {
        for asset in ASSETS {
            for address in between(text(asset.name), "://", '\n') {
                let local =
                    ["www.w3.org/2000/svg", "localhost"].iter().any(|known| address.starts_with(known));
                assert!(local, "{}: ...://{address}", asset.name);
            }
        }
    }

    #[test]
    fn every_element_that_the_scripts_ask_for_is_on_the_page() {
        let page = text("index.html");
        let ids: BTreeSet<&str> = between(page, " id=\"", '"').into_iter().collect();
        for asset in ASSETS.iter().filter(|asset| asset.content_type == SCRIPT) {
            let script = text(asset.name);
            for start in ["$('", "show('", "setText('", "onPress('"] {
                for id in between(script, start, '\'') {
                    assert!(ids.contains(id), "{} asks for #{id}", asset.name);
                }
            }
        }
    }

    #[test]
    fn every_field_and_button_has_a_name() {
        let page = text("index.html");
        for tag in between(page, "<input", '>') {
            let id = between(tag, " id=\"", '"')[0];
            let named = tag.contains("aria-label")
                || page.contains(&format!("for=\"{id}\""))
                || tag.contains("checkbox");
            assert!(named, "#{id} has no label");
        }
        for button in page.split("<button").skip(1).filter_map(|rest| rest.split_once("</button>")) {
            let words =
                button.0.split('>').skip(1).filter_map(|piece| piece.split('<').next()).collect::<String>();
            assert!(
                button.0.contains("aria-label=") || !words.trim().is_empty(),
                "a button without a name: {}",
                button.0
            );
        }
    }
}
