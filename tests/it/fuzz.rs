//! The fuzz targets of `make fuzz`. The input of a target is a script of
//! several lines. The first letter of a line is the action, and the other
//! letters are its argument. In this format, the inputs that the fuzzer finds
//! are readable, and new inputs can be written by hand.
//!
//! The fuzzer (fuzz/) searches for new inputs. The test below runs the inputs
//! in fuzz/corpus, which has one file for each target. Each line of a file is a
//! script, as a JSON string.

pub mod connection;
pub mod frames;
pub mod pending;
pub mod pusher;
pub mod rows;
pub mod streams;
pub mod tokens;
pub mod urls;

/// Splits a line into its first letter and the text after that letter.
fn split_letter(line: &str) -> (char, &str) {
    let mut rest = line.chars();
    let letter = rest.next().unwrap_or(' ');
    (letter, rest.as_str())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    type Target = (&'static str, fn(&str));

    #[test]
    fn scripts_of_corpus_run_without_failure() {
        let targets: [Target; 8] = [
            ("connection", connection::run_script),
            ("frames", frames::run_script),
            ("pending", pending::run_script),
            ("pusher", pusher::run_script),
            ("rows", rows::run_script),
            ("streams", streams::run_script),
            ("tokens", tokens::run_script),
            ("urls", urls::run_script),
        ];
        for (target, run_script) in targets {
            let file = format!("fuzz/corpus/{target}.jsonl");
            let corpus = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(&file));
            let corpus = corpus.unwrap_or_else(|error| panic!("{file}: {error}"));
            assert!(!corpus.is_empty(), "{file} is empty");
            for (i, line) in corpus.lines().enumerate() {
                // If the test fails, the last line of this output names the
                // script that failed.
                println!("{file}:{}", i + 1);
                run_script(&serde_json::from_str::<String>(line).unwrap());
            }
        }
    }
}
