//! Every import of one top module by another, wherever a path can stand: `use` with all its braces, re-exports, paths
//! in expressions, types and patterns, macros, and strings in attributes such as `#[serde(with = "crate::x")]`.

use std::collections::BTreeMap;

use proc_macro2::{Delimiter, Span, TokenStream, TokenTree};
use syn::visit::{self, Visit};
use syn::{Attribute, ImplItem, Item, TraitItem, UseTree};

use crate::directions::ROOT;
use crate::sources::{SourceFile, Sources, name_of, only_for_tests};

/// One module takes something from another.
pub(crate) struct Import {
    /// The top module, or [`ROOT`] for `lib.rs`.
    pub(crate) from: String,
    pub(crate) to: String,
    pub(crate) file: String,
    pub(crate) line: usize,
    pub(crate) written: String,
}

/// All imports between top modules; code only for tests is free.
pub(crate) fn imports(sources: &Sources) -> Result<Vec<Import>, String> {
    let files = sources.tree()?;
    let root = files
        .iter()
        .find(|file| file.module.is_empty())
        .ok_or("there is no lib.rs")?;
    let names = RootNames::read(root);
    let mut found = Vec::new();
    for file in &files {
        let mut reader = Reader {
            names: &names,
            file,
            module: file.module.clone(),
            found: &mut found,
        };
        file.items.iter().for_each(|item| reader.visit_item(item));
    }
    Ok(found)
}

/// What `crate::Name` means: a module, or what `lib.rs` re-exports from one.
struct RootNames(BTreeMap<String, String>);

impl RootNames {
    fn read(root: &SourceFile) -> RootNames {
        let mut names = BTreeMap::new();
        for item in &root.items {
            match item {
                Item::Mod(module) => {
                    let name = name_of(&module.ident);
                    names.insert(name.clone(), name);
                }
                Item::Use(import) => leaves(&import.tree, &mut Vec::new(), &mut |path, name, _| {
                    let path = path
                        .strip_prefix(&["crate".to_owned()])
                        .or(path.strip_prefix(&["self".to_owned()]));
                    names
                        .entry(name.to_owned())
                        .or_insert_with(|| path.unwrap_or_default().first().cloned().unwrap_or_default());
                }),
                _ => {}
            }
        }
        // The plain form, `pub use session::AuthSession`.
        for item in &root.items {
            let Item::Use(import) = item else { continue };
            leaves(&import.tree, &mut Vec::new(), &mut |path, name, _| {
                if path.first().is_some_and(|first| names.contains_key(first)) {
                    names.insert(name.to_owned(), path[0].clone());
                }
            });
        }
        names.retain(|_, module| !module.is_empty());
        RootNames(names)
    }

    /// A name that cannot be followed counts as the root itself.
    fn module(&self, name: &str) -> String {
        self.0.get(name).cloned().unwrap_or_else(|| ROOT.to_owned())
    }
}

struct Reader<'a> {
    names: &'a RootNames,
    file: &'a SourceFile,
    /// Where we are, inline modules included.
    module: Vec<String>,
    found: &'a mut Vec<Import>,
}

impl Reader<'_> {
    fn top(&self) -> &str {
        self.module.first().map_or(ROOT, String::as_str)
    }

    /// `path` begins somewhere known (`crate`, `super`, `self`, our own name) or is none of ours. In `lib.rs` a plain
    /// name may be a module, but `lib.rs` may import all.
    fn see(&mut self, path: &[String], span: Span) {
        let mut place = self.module.clone();
        let mut rest = path;
        match rest.first().map(String::as_str) {
            Some("crate" | "tokencast") => {
                place.clear();
                rest = &rest[1..];
            }
            Some("self") => rest = &rest[1..],
            Some("super") => {}
            _ => return,
        }
        while let Some("super") = rest.first().map(String::as_str) {
            place.pop();
            rest = &rest[1..];
        }
        let to = match (place.first(), rest.first()) {
            (Some(top), _) => top.clone(),
            (None, Some(name)) => self.names.module(name),
            (None, None) => ROOT.to_owned(),
        };
        if to != self.top() {
            let import = Import {
                from: self.top().to_owned(),
                to,
                file: self.file.name.clone(),
                line: span.start().line,
                written: path.join("::"),
            };
            self.found.push(import);
        }
    }

    /// A macro's input is not syntax yet: every run of names joined by `::` in it may become a path.
    fn see_tokens(&mut self, tokens: TokenStream) {
        let tokens: Vec<_> = tokens.into_iter().collect();
        let mut at = 0;
        while at < tokens.len() {
            match &tokens[at] {
                TokenTree::Group(group) => self.see_tokens(group.stream()),
                TokenTree::Ident(first) => {
                    let span = first.span();
                    let mut path = vec![name_of(first)];
                    while is_path_separator(&tokens[at + 1..]) {
                        match tokens.get(at + 3) {
                            Some(TokenTree::Ident(next)) => {
                                path.push(name_of(next));
                                at += 3;
                            }
                            Some(TokenTree::Group(group)) if group.delimiter() == Delimiter::Brace => {
                                self.see_braces(&path, group.stream(), span);
                                at += 3;
                                path.clear();
                                break;
                            }
                            Some(TokenTree::Punct(star)) if star.as_char() == '*' => {
                                path.push("*".to_owned());
                                break;
                            }
                            _ => break,
                        }
                    }
                    if path.len() > 1 {
                        self.see(&path, span);
                    }
                }
                _ => {}
            }
            at += 1;
        }
    }

    /// `crate::{a::B, c}` inside a macro.
    fn see_braces(&mut self, prefix: &[String], tokens: TokenStream, span: Span) {
        let mut tree = TokenStream::new();
        tree.extend([TokenTree::Group(proc_macro2::Group::new(
            Delimiter::Brace,
            tokens.clone(),
        ))]);
        match syn::parse2::<UseTree>(tree) {
            Ok(tree) => leaves(&tree, &mut prefix.to_vec(), &mut |path, _, _| {
                self.see(path, span)
            }),
            Err(_) => self.see_tokens(tokens),
        }
    }
}

fn is_path_separator(tokens: &[TokenTree]) -> bool {
    let colon =
        |token: Option<&TokenTree>| matches!(token, Some(TokenTree::Punct(punct)) if punct.as_char() == ':');
    colon(tokens.first()) && colon(tokens.get(1))
}

/// Each name that a `use` brings, with its whole path; a glob ends in `*`.
fn leaves(tree: &UseTree, path: &mut Vec<String>, found: &mut dyn FnMut(&[String], &str, Span)) {
    match tree {
        UseTree::Path(inner) => {
            path.push(name_of(&inner.ident));
            leaves(&inner.tree, path, found);
            path.pop();
        }
        UseTree::Group(group) => group.items.iter().for_each(|tree| leaves(tree, path, found)),
        UseTree::Glob(glob) => leaf(path, "*".to_owned(), "*", glob.star_token.spans[0], found),
        UseTree::Name(name) => {
            let last = name_of(&name.ident);
            leaf(path, last.clone(), &last, name.ident.span(), found);
        }
        UseTree::Rename(rename) => {
            leaf(
                path,
                name_of(&rename.ident),
                &name_of(&rename.rename),
                rename.ident.span(),
                found,
            );
        }
    }
}

fn leaf(
    path: &mut Vec<String>,
    last: String,
    name: &str,
    span: Span,
    found: &mut dyn FnMut(&[String], &str, Span),
) {
    let is_parent = last == "self" && !path.is_empty();
    if is_parent {
        let name = if name == "self" {
            path[path.len() - 1].clone()
        } else {
            name.to_owned()
        };
        return found(path, &name, span);
    }
    path.push(last);
    found(path, name, span);
    path.pop();
}

impl<'ast> Visit<'ast> for Reader<'_> {
    fn visit_item(&mut self, item: &'ast Item) {
        if !only_for_tests(attributes(item)) {
            visit::visit_item(self, item);
        }
    }

    fn visit_impl_item(&mut self, item: &'ast ImplItem) {
        let attributes = match item {
            ImplItem::Const(item) => &item.attrs,
            ImplItem::Fn(item) => &item.attrs,
            ImplItem::Type(item) => &item.attrs,
            _ => return visit::visit_impl_item(self, item),
        };
        if !only_for_tests(attributes) {
            visit::visit_impl_item(self, item);
        }
    }

    fn visit_trait_item(&mut self, item: &'ast TraitItem) {
        match item {
            TraitItem::Fn(item) if only_for_tests(&item.attrs) => {}
            _ => visit::visit_trait_item(self, item),
        }
    }

    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        self.module.push(name_of(&module.ident));
        visit::visit_item_mod(self, module);
        self.module.pop();
    }

    fn visit_item_extern_crate(&mut self, item: &'ast syn::ItemExternCrate) {
        // It gives the whole crate another name, under which every module could be reached from everywhere.
        if item.ident == "self" {
            self.found.push(Import {
                from: "extern crate self".to_owned(),
                to: ROOT.to_owned(),
                file: self.file.name.clone(),
                line: item.ident.span().start().line,
                written: "extern crate self".to_owned(),
            });
        }
    }

    fn visit_item_use(&mut self, import: &'ast syn::ItemUse) {
        leaves(&import.tree, &mut Vec::new(), &mut |path, _, span| {
            self.see(path, span)
        });
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let names: Vec<_> = path
            .segments
            .iter()
            .map(|segment| name_of(&segment.ident))
            .collect();
        if names.len() > 1 {
            self.see(&names, path.segments[0].ident.span());
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, invocation: &'ast syn::Macro) {
        self.see_tokens(invocation.tokens.clone());
        visit::visit_macro(self, invocation);
    }

    fn visit_attribute(&mut self, attribute: &'ast Attribute) {
        if attribute.path().is_ident("doc") {
            return; // a link in a comment is no import
        }
        if let syn::Meta::List(list) = &attribute.meta {
            self.see_tokens(list.tokens.clone());
            strings(list.tokens.clone(), &mut |text, span| {
                if let Ok(path) = syn::parse_str::<syn::Path>(text) {
                    let names: Vec<_> = path
                        .segments
                        .iter()
                        .map(|segment| name_of(&segment.ident))
                        .collect();
                    self.see(&names, span);
                }
            });
        }
        visit::visit_attribute(self, attribute);
    }
}

fn strings(tokens: TokenStream, found: &mut dyn FnMut(&str, Span)) {
    for token in tokens {
        match token {
            TokenTree::Group(group) => strings(group.stream(), found),
            TokenTree::Literal(literal) => {
                let text = literal.to_string();
                if let Some(text) = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')) {
                    found(text, literal.span());
                }
            }
            _ => {}
        }
    }
}

fn attributes(item: &Item) -> &[Attribute] {
    match item {
        Item::Const(item) => &item.attrs,
        Item::Enum(item) => &item.attrs,
        Item::ExternCrate(item) => &item.attrs,
        Item::Fn(item) => &item.attrs,
        Item::Impl(item) => &item.attrs,
        Item::Macro(item) => &item.attrs,
        Item::Mod(item) => &item.attrs,
        Item::Static(item) => &item.attrs,
        Item::Struct(item) => &item.attrs,
        Item::Trait(item) => &item.attrs,
        Item::Type(item) => &item.attrs,
        Item::Use(item) => &item.attrs,
        _ => &[],
    }
}
