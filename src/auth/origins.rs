//! `ALLOWED_ORIGINS`: which pages may use this service from a browser.

/// Origins as the configuration lists them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Origins {
    any: bool,
    listed: Vec<String>,
}

impl Origins {
    /// From a list with commas, of origins as browsers write them
    /// (`https://app.example`), or `*`.
    pub fn parse(list: &str) -> Self {
        let entries = || list.split(',').map(str::trim).filter(|entry| !entry.is_empty());
        Self {
            any: entries().any(|entry| entry == "*"),
            listed: entries().filter(|entry| *entry != "*").map(str::to_owned).collect(),
        }
    }

    /// Whether a page of this origin may read answers (CORS).
    pub fn allow(&self, origin: &str) -> bool {
        self.any || self.listed.iter().any(|listed| listed == origin)
    }

    /// Whether this origin is trusted by name, as a cookie needs: a browser
    /// sends that along whoever asks, so `*` would let any page act as the
    /// user. `null` names nobody: every sandboxed page has it.
    pub fn list(&self, origin: &str) -> bool {
        origin != "null" && self.listed.iter().any(|listed| listed == origin)
    }
}
