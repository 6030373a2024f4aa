//! README's code blocks as source files, so that a compiler reads them: what the README shows is what compiles.
//!
//! Each language has a template beside its tests, which gives a block the imports and the function around it that a
//! reader does not want to see. In a template a line with `{{block}}` stands for the block, indented like that line;
//! `{{number}}` for the block's number from 1; a line `{{imports}}`, where there is one, for the `import` lines that
//! the block begins with. Rust needs none of this: README is a doctest of the core.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};

use crate::folders::Folders;

/// Where the blocks of one language go.
#[derive(Debug)]
pub(crate) struct Language {
    /// Pages besides README whose blocks are compiled too.
    pages: &'static [&'static str],
    /// The words after the fence.
    fences: &'static [&'static str],
    template: &'static str,
    /// Of the generated files; not committed. Everything in it is replaced.
    folder: &'static str,
    /// `{{number}}` is replaced.
    file: &'static str,
}

pub(crate) static KOTLIN: Language = Language {
    pages: &[
        "docs/guides/kotlin.md",
        "docs/migration/appauth-android.md",
        "docs/migration/auth0-android.md",
        "docs/migration/ktor.md",
    ],
    fences: &["kotlin"],
    template: "bindings/kotlin/readme.template",
    folder: "bindings/kotlin/readme/generated",
    file: "Readme{{number}}.kt",
};
pub(crate) static SWIFT: Language = Language {
    pages: &[
        "docs/migration/appauth-ios.md",
        "docs/migration/auth0-swift.md",
        "docs/migration/supabase-swift.md",
        "ios/Sources/Tokencast/Tokencast.docc/AppExtensions.md",
        "ios/Sources/Tokencast/Tokencast.docc/TenMinutes.md",
    ],
    fences: &["swift"],
    template: "ios/readme.template",
    folder: "ios/Tests/ReadmeTests/Generated",
    file: "Readme{{number}}.swift",
};
pub(crate) static TYPESCRIPT: Language = Language {
    pages: &[],
    fences: &["ts", "typescript"],
    template: "bindings/web/readme/readme.template",
    folder: "bindings/web/readme/generated",
    file: "readme-{{number}}.ts",
};
pub(crate) static PYTHON: Language = Language {
    pages: &[],
    fences: &["python"],
    template: "bindings/python/readme.template",
    folder: "bindings/python/readme/generated",
    file: "readme_{{number}}.py",
};

/// Writes one file for each block of the language and says where.
///
/// # Errors
/// When one of the pages has no such block: then nothing would be proven.
pub(crate) fn extract(folders: &Folders, language: &Language) -> Result<Vec<PathBuf>> {
    let mut blocks = Vec::new();
    for page in ["README.md"].iter().chain(language.pages) {
        let text = fs::read_to_string(folders.in_repository(page))
            .with_context(|| format!("{page} cannot be read"))?;
        let shown = self::blocks(&text, language.fences);
        ensure!(
            !shown.is_empty(),
            "{page} shows no line of {}",
            language.fences[0]
        );
        blocks.extend(shown);
    }
    let template = fs::read_to_string(folders.in_repository(language.template))
        .with_context(|| format!("{} cannot be read", language.template))?;

    let folder = folders.in_repository(language.folder);
    if folder.exists() {
        fs::remove_dir_all(&folder)?;
    }
    fs::create_dir_all(&folder)?;
    let mut files = Vec::new();
    for (number, block) in (1..).zip(blocks) {
        let file = folder.join(language.file.replace("{{number}}", &number.to_string()));
        fs::write(&file, fill(&template, number, &block))?;
        files.push(file);
    }
    Ok(files)
}

/// The fenced blocks whose info string begins with one of these words (CommonMark, section 4.5).
fn blocks(markdown: &str, languages: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    let mut lines = markdown.lines();
    while let Some(line) = lines.next() {
        let Some((fence, info)) = opening(line) else {
            continue;
        };
        let indent = line.len() - line.trim_start().len();
        let mut block = String::new();
        for line in lines.by_ref().take_while(|line| !closes(line, fence)) {
            let unindented = line.len() - line.trim_start_matches(' ').len();
            block += &line[unindented.min(indent)..];
            block.push('\n');
        }
        if info
            .split([' ', ',', '{'])
            .next()
            .is_some_and(|word| languages.contains(&word))
        {
            found.push(block);
        }
    }
    found
}

/// The run of fence characters, and what follows it.
fn opening(line: &str) -> Option<(&str, &str)> {
    let line = line.trim_start();
    let mark = line.chars().next().filter(|c| matches!(c, '`' | '~'))?;
    let length = line.len() - line.trim_start_matches(mark).len();
    let (fence, info) = line.split_at(length);
    let is_inline_code = mark == '`' && info.contains('`');
    (length >= 3 && !is_inline_code).then(|| (fence, info.trim()))
}

fn closes(line: &str, fence: &str) -> bool {
    opening(line).is_some_and(|(closing, info)| info.is_empty() && closing.starts_with(fence))
}

fn fill(template: &str, number: usize, block: &str) -> String {
    let hoists = template.lines().any(|line| line.trim() == "{{imports}}");
    let leads = |line: &str| hoists && (line.starts_with("import ") || line.trim().is_empty());
    let body_starts = block.lines().take_while(|line| leads(line)).count();
    let imports = block
        .lines()
        .take(body_starts)
        .filter(|line| !line.trim().is_empty());
    let body: Vec<_> = block.lines().skip(body_starts).collect();

    let mut text = String::new();
    let mut push = |line: &str| {
        text += line.trim_end();
        text.push('\n');
    };
    for line in template.lines() {
        match line.trim() {
            "{{imports}}" => imports.clone().for_each(&mut push),
            "{{block}}" => {
                let indent = &line[..line.len() - line.trim_start().len()];
                body.iter().for_each(|line| push(&format!("{indent}{line}")));
            }
            _ => push(&line.replace("{{number}}", &number.to_string())),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    static README_ALONE: Language = Language {
        pages: &[],
        fences: &["swift"],
        template: "ios/readme.template",
        folder: "ios/Tests/ReadmeTests/Generated",
        file: "Readme{{number}}.swift",
    };

    const README: &str = "\
# Title

```kotlin
val session = open()
```

~~~~swift title=\"x\"
let text = \"\"\"
~~~
\"\"\"
~~~~

Inline ```kotlin``` is no block.

1. A list:

   ```kotlin,second
   import dev.tokencast.Session

   fun more() {
       read()
   }
   ```

````text
```kotlin
not Kotlin: it stands inside another block
```
````

```kotlinscript
no()
```
";

    #[test]
    fn only_the_blocks_of_the_language_are_taken() {
        let kotlin = blocks(README, &["kotlin"]);
        assert_eq!(kotlin.len(), 2);
        assert_eq!(kotlin[0], "val session = open()\n");
        assert_eq!(blocks(README, &["python"]), Vec::<String>::new());
    }

    #[test]
    fn a_block_in_a_list_loses_the_lists_indentation_and_keeps_its_own() {
        assert_eq!(
            blocks(README, &["kotlin"])[1],
            "import dev.tokencast.Session\n\nfun more() {\n    read()\n}\n"
        );
    }

    #[test]
    fn a_block_ends_only_at_a_fence_as_long_as_its_own() {
        assert_eq!(blocks(README, &["swift"]), ["let text = \"\"\"\n~~~\n\"\"\"\n"]);
    }

    #[test]
    fn the_block_takes_the_indentation_of_its_place_in_the_template() {
        let template = "fun readme{{number}}() {\n    {{block}}\n}\n";
        assert_eq!(
            fill(template, 2, "a {\n\n    b\n}\n"),
            "fun readme2() {\n    a {\n\n        b\n    }\n}\n"
        );
    }

    #[test]
    fn imports_move_to_their_place_when_the_template_has_one() {
        let block = "import a.B\nimport a.C\n\nuse(B)\n";
        let template = "package readme\n{{imports}}\nfun f() {\n    {{block}}\n}\n";
        assert_eq!(
            fill(template, 1, block),
            "package readme\nimport a.B\nimport a.C\nfun f() {\n    use(B)\n}\n"
        );
        assert_eq!(fill("{{block}}\n", 1, block), block);
    }

    #[test]
    fn a_readme_without_a_block_of_the_language_is_an_error() -> Result<()> {
        let repository = tempfile::tempdir()?;
        fs::write(repository.path().join("README.md"), "# Nothing\n")?;
        let folder = repository.path().to_owned();
        let folders = Folders {
            cache: folder.clone(),
            target: folder.clone(),
            repository: folder,
        };
        assert!(extract(&folders, &README_ALONE).is_err_and(|error| error.to_string().contains("swift")));
        Ok(())
    }

    #[test]
    fn files_of_an_earlier_readme_do_not_stay() -> Result<()> {
        let repository = tempfile::tempdir()?;
        let folder = repository.path().to_owned();
        let folders = Folders {
            cache: folder.clone(),
            target: folder.clone(),
            repository: folder,
        };
        fs::create_dir_all(folders.in_repository("ios"))?;
        fs::write(folders.in_repository(README_ALONE.template), "{{block}}\n")?;
        fs::write(
            folders.in_repository("README.md"),
            "```swift\na()\n```\n```swift\nb()\n```\n",
        )?;
        assert_eq!(extract(&folders, &README_ALONE)?.len(), 2);
        fs::write(folders.in_repository("README.md"), "```swift\nc()\n```\n")?;
        assert_eq!(extract(&folders, &README_ALONE)?.len(), 1);
        let left = fs::read_dir(folders.in_repository(README_ALONE.folder))?.count();
        assert_eq!(left, 1);
        Ok(())
    }
}
