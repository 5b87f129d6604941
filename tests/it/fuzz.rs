//! What `make fuzz` gives to the core. Each target is a script: lines of text,
//! where the first letter of a line says what happens and the rest with what.
//! So what was found can be read, and written by hand.
//!
//! The fuzzer looks for new ones (fuzz/); here every one that is kept in
//! fuzz/corpus is played again.

pub mod connection;
pub mod frames;
pub mod pending;
pub mod rows;
pub mod streams;
pub mod tokens;
pub mod urls;

/// The letter of a line, and what is behind it.
fn parted(line: &str) -> (char, &str) {
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
    fn what_is_in_the_corpus_goes_well() {
        let targets: [Target; 7] = [
            ("connection", connection::play),
            ("frames", frames::play),
            ("pending", pending::play),
            ("rows", rows::play),
            ("streams", streams::play),
            ("tokens", tokens::play),
            ("urls", urls::play),
        ];
        for (target, play) in targets {
            let file = format!("fuzz/corpus/{target}.jsonl");
            let corpus = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(&file));
            let corpus = corpus.unwrap_or_else(|error| panic!("{file}: {error}"));
            assert!(!corpus.is_empty(), "{file} is empty");
            for (i, line) in corpus.lines().enumerate() {
                // A failed test prints this, so its last line names the script that failed.
                println!("{file}:{}", i + 1);
                play(&serde_json::from_str::<String>(line).unwrap());
            }
        }
    }
}
