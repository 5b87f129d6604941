//! Compares the docs with the code. The numbers in the docs must be right, and
//! the named tests, files and pages must exist.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use roomcast::code::Code;
use roomcast::directory::DataPoint;
use roomcast::metrics;
use roomcast::settings::{JURISDICTIONS, LOCATION_HINTS, RoomSettings, Settings};

/// The page with the table of codes, and the columns of the table.
pub const CODES: &str = "docs/codes.md";
pub const CODES_COLUMNS: [&str; 5] = ["code", "HTTP", "close", "meaning", "what a client does"];

const PAGES: &[&str] = &[
    "README.md",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "docs/README.md",
    "docs/backends.md",
    "docs/openapi.yaml",
    "docs/quickstart.md",
    "docs/concepts.md",
    "docs/guides/chat.md",
    "docs/guides/cursors.md",
    "docs/guides/live-dashboard.md",
    "docs/guides/nextjs.md",
    "docs/guides/notifications.md",
    "docs/guides/optimistic-updates.md",
    "docs/guides/presence-list.md",
    "docs/guides/tanstack-query.md",
    "docs/guides/zustand.md",
    "docs/migrating.md",
    "docs/try-with-curl.md",
    "docs/protocol.md",
    "docs/codes.md",
    "docs/limits.md",
    "docs/tokens.md",
    "docs/troubleshooting.md",
    "docs/webhooks.md",
    "docs/deploy.md",
    "docs/configure.md",
    "docs/monitor.md",
    "docs/metrics.md",
    "docs/costs.md",
    "docs/plans.md",
    "docs/runbook.md",
    "docs/secrets.md",
    "docs/data.md",
    "docs/torture.md",
    "docs/benchmark.md",
    "client/README.md",
    "client/docs/client.md",
    "client/docs/react.md",
    "client/docs/users.md",
    "client/docs/worker.md",
    "client/docs/cli.md",
    "demo/README.md",
    "tests/recorded/README.md",
    "tests/scenarios/README.md",
];

#[test]
fn documented_limits_match_the_code() {
    let constants = constants(&read("src/limits.rs"));
    let settings = read("src/settings.rs") + &texts("src/settings", "rs");
    let rows = rows_under("docs/limits.md", &["what", "limit", "constant"]);
    let documented: BTreeMap<String, u64> =
        rows.iter().map(|row| (code(&row[2])[0].clone(), amount(&row[1]))).collect();

    let is_unit = |name: &str| ["KIB", "MIB", "HOUR_MS"].contains(&name);
    let is_setting = |name: &str| settings.contains(&format!("limits::{name}"));
    let public: BTreeMap<String, u64> =
        constants.into_iter().filter(|(name, _)| !is_unit(name) && !is_setting(name)).collect();
    assert_eq!(documented, public, "docs/limits.md on the left, src/limits.rs on the right");
}

#[test]
fn documented_settings_match_the_code() {
    let rows = rows_under("docs/limits.md", &["setting", "what", "default", "range"]);
    let documented: Vec<(String, u64)> =
        rows.iter().map(|row| (code(&row[0])[0].clone(), amount(&row[2]))).collect();
    assert_eq!(documented, fields(&format!("{:?}", Settings::default())));

    let parses = |name: &str, value: &str| {
        RoomSettings::parse(&format!(r#"{{"*":{{"{name}":{value}}}}}"#)).is_ok()
    };
    let accepts = |name: &str, value: u64| parses(name, &value.to_string());
    for row in rows {
        let name = &code(&row[0])[0];
        if row[3] == "`false` or `true`" {
            assert!(parses(name, "false") && parses(name, "true") && !accepts(name, 1));
            continue;
        }
        if row[3] == "a URL" {
            assert!(parses(name, r#""https://a.example/""#) && !accepts(name, 1));
            continue;
        }
        if row[3].starts_with('`') {
            let names = code(&row[3]);
            assert!(names.iter().all(|of| parses(name, &format!("{of:?}"))), "{name}");
            assert!(*JURISDICTIONS == names[..] || *LOCATION_HINTS == names[..], "{name}");
            continue;
        }
        let (least, most) = row[3].split_once(" to ").expect(name);
        let (least, most) = (amount(least), amount(most));
        assert!(accepts(name, least) && accepts(name, most), "{name}: {least} to {most}");
        assert!(!accepts(name, most + 1), "{name}: {most} is the maximum");
        assert!(least == 0 || !accepts(name, least - 1), "{name}: {least} is the minimum");
    }
}

#[test]
fn documented_codes_match_the_code() {
    let documented = rows_under(CODES, &CODES_COLUMNS)
        .into_iter()
        .map(|row| (code(&row[0])[0].clone(), row[1].parse().ok(), row[2].parse().ok()));
    let codes = Code::ALL.map(|code| (code.as_str().into(), code.http_status(), code.close_code()));
    assert_eq!(documented.collect::<Vec<_>>(), codes);
}

#[test]
fn documented_metrics_match_the_code() {
    let of_code = metrics::ALL.iter().filter(|metric| metric.starts_family());
    let of_code = of_code.map(|metric| {
        let name = metric.name.trim_end_matches("_bucket");
        (format!("roomcast_{name}"), metric.label.to_owned())
    });
    let documented = rows_under("docs/metrics.md", &["metric", "label", "counts"]);
    let documented = documented.iter().flat_map(|row| {
        let label = code(&row[1]).pop().unwrap_or_default();
        code(&row[0]).into_iter().map(move |name| (name, label.clone()))
    });
    let documented: Vec<(String, String)> = documented.collect();
    assert_eq!(documented, of_code.collect::<Vec<_>>());

    for page in ["docs/grafana.json", "docs/metrics.md"] {
        for text in read(page).split("roomcast_").skip(1) {
            let name: String = text.chars().take_while(|c| c.is_lowercase() || *c == '_').collect();
            let is_known = documented.iter().any(|(known, _)| {
                let rest = format!("roomcast_{name}");
                rest.strip_prefix(known)
                    .is_some_and(|part| ["", "_bucket", "_sum", "_count"].contains(&part))
            });
            assert!(is_known, "{page} names roomcast_{name}");
        }
    }

    let doubles = rows_under("docs/metrics.md", &["double", "adds to"]);
    let doubles: Vec<_> =
        doubles.iter().map(|row| [&row[0], &row[1]].map(|cell| code(cell)[0].clone())).collect();
    let of_code = DataPoint::COUNTS.iter().zip(3..);
    let of_code =
        of_code.map(|(metric, n)| [format!("double{n}"), format!("roomcast_{}", metric.name)]);
    assert_eq!(doubles, of_code.collect::<Vec<_>>());
}

#[test]
fn documented_log_events_match_the_code() {
    let rows = rows_under("docs/monitor.md", &["event", "level", "fields", "meaning"]);
    let documented: BTreeSet<String> = rows.iter().flat_map(|row| code(&row[0])).collect();
    let sources = texts("src/edge", "rs")
        + &texts("src/edge", "js")
        + &texts("src/room", "rs")
        + &texts("client/src/worker", "ts");
    let calls = [
        "error(\"",
        "write(level, \"",
        "log(\"error\", \"",
        "log(\"warn\", \"",
        "log(level, \"",
        "event: \"",
    ];
    let names = calls.iter().flat_map(|call| sources.split(call).skip(1));
    let names = names.filter_map(|rest| rest.split('"').next());
    let is_event = |name: &&str| name.chars().all(|c| c.is_ascii_lowercase() || c == '_');
    let written: BTreeSet<String> = names.filter(is_event).map(str::to_owned).collect();
    assert_eq!(documented, written, "docs/monitor.md on the left, the code on the right");
}

#[test]
fn tests_named_in_architecture_exist() {
    let native = texts("tests/it", "rs") + &texts("src", "rs");
    let on_workerd = texts("tests/edge", "ts") + &texts("tests/scenarios", "json");
    for what in ["invariant", "promise"] {
        for row in rows_under("ARCHITECTURE.md", &[what, "native test", "on workerd"]) {
            let name = &code(&row[1])[0];
            let (before, _) = native.split_once(&format!("fn {name}(")).unwrap_or_else(|| {
                panic!("{}: there is no native test {name}", row[0]);
            });
            assert!(before.trim_end().ends_with("#[test]"), "{name} is not a test");
            for title in code(&row[2]) {
                let is_named = [format!("\"{title}\""), format!("`{title}$")]
                    .iter()
                    .any(|name| on_workerd.contains(name));
                assert!(is_named, "{}: there is no test on workerd {title:?}", row[0]);
            }
        }
    }
}

#[test]
fn links_and_paths_in_docs_exist() {
    for page in PAGES {
        let markdown = read(page);
        for target in markdown.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if !target.contains("://") {
                check_link(page, target);
            }
        }
        // The worker in the reader's own project.
        let of_reader = ["src/worker.ts", "src/worker.js"];
        let roots = [
            "src/", "tests/", "tools/", "docs/", "torture/", "bench/", "fuzz/", "client/", "demo/",
        ];
        for path in code(&markdown) {
            let is_path = roots.iter().any(|root| path.starts_with(root))
                && !of_reader.contains(&path.as_str())
                && !path.contains(|c: char| c.is_whitespace() || c == '*');
            let exists = root().join(&path).exists()
                || root().join(page).with_file_name("").join(&path).exists();
            assert!(!is_path || exists, "{page} names {path}, which does not exist");
        }
    }
}

fn check_link(page: &str, target: &str) {
    let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
    let path = match file {
        "" => root().join(page),
        file => root().join(page).parent().unwrap().join(file),
    };
    assert!(path.exists(), "{page} links to {target}");
    if !anchor.is_empty() {
        let text = text(path);
        let mut headings = text.lines().filter(|line| line.starts_with('#'));
        assert!(headings.any(|heading| slug(heading) == anchor), "{page} links to {target}");
    }
}

/// Returns a heading's anchor in the form that GitHub generates.
fn slug(heading: &str) -> String {
    let is_kept = |c: &char| c.is_alphanumeric() || " -_".contains(*c);
    let text: String = heading.trim_start_matches('#').trim().chars().filter(is_kept).collect();
    text.to_lowercase().replace(' ', "-")
}

/// Finds the tables of a page that have exactly these columns, and returns
/// their rows.
pub fn rows_under(page: &str, columns: &[&str]) -> Vec<Vec<String>> {
    let mut rows = Vec::new();
    let mut inside = false;
    for line in read(page).lines() {
        let Some(line) = line.strip_prefix('|').and_then(|line| line.strip_suffix('|')) else {
            inside = false;
            continue;
        };
        let cells: Vec<String> = line.split('|').map(|cell| cell.trim().to_owned()).collect();
        if cells == columns {
            inside = true;
        } else if inside && !line.contains("---") {
            assert_eq!(cells.len(), columns.len(), "{page}: {line}");
            rows.push(cells);
        }
    }
    assert!(!rows.is_empty(), "{page} has no table of {columns:?}");
    rows
}

/// Returns the text between backticks in each line.
pub fn code(markdown: &str) -> Vec<String> {
    let spans = markdown.lines().flat_map(|line| line.split('`').skip(1).step_by(2));
    spans.map(str::to_owned).collect()
}

/// Parses a number in the notation of the docs. A number with a unit is
/// converted to ms or bytes.
fn amount(text: &str) -> u64 {
    match text {
        "2^53 − 1" => return (1 << 53) - 1,
        "`false`" => return 0,
        "`true`" => return 1,
        "none" | "`None`" => return 0,
        _ => {}
    }
    let (digits, unit) = text.split_once(' ').unwrap_or((text, ""));
    let factor = match unit {
        "" | "characters" | "levels" | "B" | "ms" => 1,
        "KiB" => 1_024,
        "MiB" => 1_024 * 1_024,
        "s" => 1_000,
        "h" => 3_600_000,
        "d" => 24 * 3_600_000,
        _ => panic!("{text:?} has an unknown unit"),
    };
    digits.replace(',', "").parse::<u64>().expect(text) * factor
}

/// Returns the constants in a source text. Each value is a product of numbers
/// and other constants.
fn constants(source: &str) -> BTreeMap<String, u64> {
    let written: BTreeMap<&str, &str> = source
        .lines()
        .filter_map(|line| line.strip_prefix("pub const ")?.strip_suffix(';'))
        .map(|line| {
            let (name, typed) = line.split_once(": ").expect(line);
            (name, typed.split_once(" = ").expect(line).1)
        })
        .collect();
    written.iter().map(|(name, value)| ((*name).to_owned(), product(value, &written))).collect()
}

fn product(value: &str, written: &BTreeMap<&str, &str>) -> u64 {
    if value == "(1 << 53) - 1" {
        return (1 << 53) - 1;
    }
    let factors = value.split('*').map(|factor| factor.trim().trim_end_matches(" as u64"));
    factors
        .map(|factor| match written.get(factor) {
            Some(value) => product(value, written),
            None => factor.replace('_', "").parse().expect(value),
        })
        .product()
}

/// Returns the fields of a struct of numbers, parsed from its `Debug` text.
fn fields(debug: &str) -> Vec<(String, u64)> {
    let (_, fields) = debug.split_once(" { ").expect(debug);
    let fields = fields.trim_end_matches(" }").split(", ");
    let named = fields.map(|field| field.split_once(": ").expect(field));
    let number = |value: &str| value.parse().unwrap_or_else(|_| amount(&format!("`{value}`")));
    named.map(|(name, value)| (name.to_owned(), number(value))).collect()
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

pub fn read(path: &str) -> String {
    text(root().join(path))
}

fn text(path: PathBuf) -> String {
    fs::read_to_string(&path).unwrap_or_else(|wrong| panic!("{}: {wrong}", path.display()))
}

/// Returns the text of all files with this extension in a directory and its
/// subdirectories.
pub fn texts(directory: impl AsRef<Path>, extension: &str) -> String {
    let entries = fs::read_dir(root().join(directory)).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    paths
        .map(|path| match path.extension() {
            Some(found) if found == extension => text(path),
            None if path.is_dir() => texts(path, extension),
            _ => String::new(),
        })
        .collect()
}
