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
            let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
            let mut played = 0;
            for file in fs::read_dir(&corpus).unwrap() {
                let path = file.unwrap().path();
                println!("{}", path.display());
                play(&String::from_utf8_lossy(&fs::read(path).unwrap()));
                played += 1;
            }
            assert!(played > 0, "{} is empty", corpus.display());
        }
    }
}
