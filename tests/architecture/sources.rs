//! A crate's source files, and the tree of modules they make.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use syn::{Attribute, Item};

/// Paths are relative to the folder of `lib.rs`.
pub(crate) struct Sources(BTreeMap<PathBuf, String>);

/// One file with its place in the tree of modules.
pub(crate) struct SourceFile {
    pub(crate) name: String,
    pub(crate) module: Vec<String>,
    pub(crate) items: Vec<Item>,
}

impl Sources {
    pub(crate) fn of_the_core() -> Sources {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let mut files = BTreeMap::new();
        read(&folder, Path::new(""), &mut files);
        Sources(files)
    }

    pub(crate) fn planted(files: &[(&str, &str)]) -> Sources {
        Sources(
            files
                .iter()
                .map(|(name, text)| (name.into(), (*text).to_owned()))
                .collect(),
        )
    }

    /// The files in which a word stands, comments and all.
    pub(crate) fn mentioning(&self, word: &str) -> impl Iterator<Item = &Path> {
        let has = move |text: &str| {
            text.split(|c: char| !(c.is_alphanumeric() || c == '_'))
                .any(|found| found == word)
        };
        self.0
            .iter()
            .filter(move |(_, text)| has(text))
            .map(|(path, _)| path.as_path())
    }

    /// The names of the modules in `lib.rs`, those only for tests left out.
    pub(crate) fn top_modules(&self) -> impl Iterator<Item = String> {
        let files = self.tree().unwrap_or_default();
        let root = files.into_iter().find(|file| file.module.is_empty());
        root.into_iter()
            .flat_map(|root| root.items)
            .filter_map(|item| match item {
                Item::Mod(module) if !only_for_tests(&module.attrs) => Some(name_of(&module.ident)),
                _ => None,
            })
    }

    /// All files that are compiled outside of tests, by following `mod` from `lib.rs`.
    ///
    /// # Errors
    /// What cannot be read, and any file that no `mod` leads to: it would escape the test.
    pub(crate) fn tree(&self) -> Result<Vec<SourceFile>, String> {
        let mut files = Vec::new();
        let mut test_files = Vec::new();
        self.follow(PathBuf::from("lib.rs"), Vec::new(), &mut files, &mut test_files)?;
        let reached = |path: &Path| {
            files.iter().any(|file| Path::new(&file.name) == path)
                || test_files
                    .iter()
                    .any(|(file, folder): &(PathBuf, PathBuf)| file == path || path.starts_with(folder))
        };
        match self.0.keys().find(|path| !reached(path)) {
            Some(orphan) => Err(format!("no `mod` leads to {}", orphan.display())),
            None => Ok(files),
        }
    }

    fn follow(
        &self,
        path: PathBuf,
        module: Vec<String>,
        files: &mut Vec<SourceFile>,
        test_files: &mut Vec<(PathBuf, PathBuf)>,
    ) -> Result<(), String> {
        let name = path.display().to_string();
        let text = self.0.get(&path).ok_or_else(|| format!("{name} is missing"))?;
        let parsed = syn::parse_file(text).map_err(|error| format!("{name} does not parse: {error}"))?;
        let mut children = Vec::new();
        declared(&parsed.items, &mut Vec::new(), &mut children);
        for child in children {
            if child.elsewhere {
                return Err(format!("{name}: a module with #[path] would escape this test"));
            }
            let module: Vec<String> = module.iter().cloned().chain(child.path).collect();
            let folder: PathBuf = module.iter().collect();
            let candidates = [folder.with_extension("rs"), folder.join("mod.rs")];
            let found = candidates
                .iter()
                .find(|candidate| self.0.contains_key(*candidate))
                .cloned();
            let file =
                found.ok_or_else(|| format!("{name}: there is no file for module {}", module.join("::")))?;
            if child.only_for_tests {
                test_files.push((file, folder));
            } else {
                self.follow(file, module, files, test_files)?;
            }
        }
        files.push(SourceFile {
            name,
            module,
            items: parsed.items,
        });
        Ok(())
    }
}

/// `#[cfg(test)]`, also as one condition of `all`.
pub(crate) fn only_for_tests(attributes: &[Attribute]) -> bool {
    attributes
        .iter()
        .filter(|attribute| attribute.path().is_ident("cfg"))
        .any(|attribute| {
            let mut found = false;
            let _ = attribute.parse_nested_meta(|meta| {
                if meta.path.is_ident("test") {
                    found = true;
                } else if meta.path.is_ident("all") {
                    let conditions = meta.input.parse::<proc_macro2::Group>()?;
                    found |= conditions
                        .stream()
                        .into_iter()
                        .any(|token| token.to_string() == "test");
                } else {
                    let _ = meta.input.parse::<proc_macro2::TokenStream>();
                }
                Ok(())
            });
            found
        })
}

pub(crate) fn name_of(ident: &proc_macro2::Ident) -> String {
    let name = ident.to_string();
    name.strip_prefix("r#").map(str::to_owned).unwrap_or(name)
}

struct Declared {
    /// Through the inline modules around it.
    path: Vec<String>,
    only_for_tests: bool,
    elsewhere: bool,
}

/// The modules that have a file of their own.
fn declared(items: &[Item], inside: &mut Vec<String>, found: &mut Vec<Declared>) {
    for item in items {
        let Item::Mod(module) = item else { continue };
        let only_for_tests = only_for_tests(&module.attrs);
        inside.push(name_of(&module.ident));
        match &module.content {
            Some((_, items)) if !only_for_tests => declared(items, inside, found),
            Some(_) => {}
            None => found.push(Declared {
                path: inside.clone(),
                only_for_tests,
                elsewhere: module
                    .attrs
                    .iter()
                    .any(|attribute| attribute.path().is_ident("path")),
            }),
        }
        inside.pop();
    }
}

fn read(folder: &Path, inside: &Path, files: &mut BTreeMap<PathBuf, String>) {
    for entry in fs::read_dir(folder).expect("the core has a folder of sources") {
        let entry = entry.expect("its entries can be read");
        let name = inside.join(entry.file_name());
        if entry.path().is_dir() {
            read(&entry.path(), &name, files);
        } else if name.extension().is_some_and(|extension| extension == "rs") {
            files.insert(name, fs::read_to_string(entry.path()).expect("a source is text"));
        }
    }
}
